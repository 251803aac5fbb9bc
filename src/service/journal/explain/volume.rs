//! Why a data volume is as it is.

use super::past::Past;
use super::{LINKS_MAX, LOOKED_AT_MAX, chain, lookup};
use crate::base::Result;
use crate::model::Volume;
use crate::service::servers::volumes;
use crate::store::Subject;
use crate::wire::api::ExplainView;

/// How a volume is, what happened to it, and what becomes of it.
pub(super) fn story(past: &Past, volume: Volume) -> Result<ExplainView> {
    let entries = past.entries(Subject::Volume(volume.id), None, LOOKED_AT_MAX)?;
    let told = entries.iter().filter(|entry| !entry.text.is_empty());
    let links = told.flat_map(|entry| chain::tell(entry, &entry.about, |_| true)).collect();
    let because = chain::finish(links, LINKS_MAX);
    let about = format!("volume {} ({})", volume.id, volume.name());
    if lookup::volume(past.view, volume.id)?.is_none() {
        let (now, waiting) = ("deleted".into(), vec!["nothing: it is gone".into()]);
        return Ok(ExplainView { about, now, because, waiting, ..ExplainView::default() });
    }
    let seen = volumes::seen(past.service, past.view, volume)?;
    let place = match (&seen.farm, &seen.alias, seen.index) {
        (Some(farm), Some(alias), Some(index)) => format!("{farm}/{alias} with index {index}"),
        _ => String::new(),
    };
    let next = match seen.status.as_str() {
        "attached" => format!("nothing: it stays when its server goes, for {place}"),
        "kept" => format!("[cloud] the next server of {place} gets it"),
        "left" => format!("[person] {place} gets it when it is declared again; or delete it"),
        "missing" => {
            "[person] its server does not start without it: bring it back, or delete it".to_owned()
        }
        "deleting" => format!("[cloud] {} is asked to destroy it", seen.cloud_platform),
        _ => "[person] nothing says whose it is: look at it, and delete it".to_owned(),
    };
    let now = format!("{} on {} as {}", seen.status, seen.cloud_platform, seen.cloud_volume_id);
    Ok(ExplainView { about, now, because, waiting: vec![next], ..ExplainView::default() })
}
