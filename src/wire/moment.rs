//! Moments and lengths of time as people write them: `7d` ago, `2026-11-14`, `2026-11-14T10:30Z`.
//!
//! Times are UTC, so that a line in a script means the same everywhere.

use crate::base::{Millis, Timestamp};

const EXAMPLES: &str = "7d, 36h, 90m, 2026-11-14 or 2026-11-14T10:30Z";
const UNITS: [(&str, Millis); 4] =
    [("m", 60_000), ("h", 3_600_000), ("d", 86_400_000), ("w", 7 * 86_400_000)];

/// A moment: so long ago, or a date in UTC with or without a time.
pub fn parse(text: &str, now: Timestamp) -> Result<Timestamp, String> {
    if let Ok(length) = length(text) {
        return Ok(now.before(length));
    }
    date(text).ok_or_else(|| format!("{text:?} is not a moment: write {EXAMPLES}"))
}

/// A length of time in minutes, hours, days or weeks, at least a minute.
pub fn length(text: &str) -> Result<Millis, String> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let factor = UNITS.iter().find(|(name, _)| *name == unit).map(|(_, factor)| *factor);
    let length = number.parse::<u64>().ok().zip(factor).and_then(|(n, f)| n.checked_mul(f));
    let wrong = || format!("{text:?} is not a length of time: write 5m, 1h or 7d");
    length.filter(|length| *length > 0).ok_or_else(wrong)
}

fn date(text: &str) -> Option<Timestamp> {
    let text = text.strip_suffix('Z').unwrap_or(text);
    let (day, time) = text.split_once(['T', ' ']).unwrap_or((text, "00:00"));
    let mut parts = day.split('-');
    let (year, month) = (field(parts.next()?, 4)?, field(parts.next()?, 2)?);
    let day = field(parts.next()?, 2)?;
    let mut clock = time.split(':');
    let (hour, minute) = (field(clock.next()?, 2)?, field(clock.next()?, 2)?);
    let second = clock.next().map_or(Some(0), |second| field(second, 2))?;
    let whole = parts.next().is_none() && clock.next().is_none();
    let fits = (1..=12).contains(&month) && (1..=31).contains(&day) && hour < 24;
    if !whole || !fits || minute > 59 || second > 59 || year < 1970 {
        return None;
    }
    let found =
        Timestamp(((days(year, month, day) * 24 + hour) * 60 + minute) * 60_000 + second * 1000);
    // A day that its month does not have is another day when it is written again.
    found.to_string().starts_with(&format!("{year:04}-{month:02}-{day:02}")).then_some(found)
}

fn field(text: &str, width: usize) -> Option<i64> {
    let digits = text.len() == width && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().ok()).flatten()
}

/// Civil date to days after Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms".
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-11-21T03:10:00Z.
    const NOW: Timestamp = Timestamp(1_795_230_600_000);

    #[test]
    fn moments_are_ago_or_dates() {
        let check = |text: &str, expected: &str| {
            let found = parse(text, NOW).map(|at| at.to_string());
            assert_eq!(found.as_deref(), Ok(expected), "{text}");
        };
        check("10m", "2026-11-21T03:00:00.000Z");
        check("36h", "2026-11-19T15:10:00.000Z");
        check("7d", "2026-11-14T03:10:00.000Z");
        check("2w", "2026-11-07T03:10:00.000Z");
        check("2026-11-14", "2026-11-14T00:00:00.000Z");
        check("2024-02-29T23:59:59Z", "2024-02-29T23:59:59.000Z");
        check("2026-11-14 10:30", "2026-11-14T10:30:00.000Z");
        check("1970-01-01", "1970-01-01T00:00:00.000Z");
    }

    #[test]
    fn what_is_no_moment_is_told() {
        let wrong = [
            "",
            "d",
            "7",
            "0d",
            "-7d",
            "7 d",
            "7s",
            "1.5h",
            "99999999999999999999d",
            "yesterday",
            "2026-02-29",
            "2026-13-01",
            "2026-1-01",
            "2026-11-14T24:00",
            "2026-11-14T10:60",
            "2026-11-14T10",
            "2026-11-14T10:30:00:00",
            "2026-11-14-01",
            "1969-12-31",
            "2026-11",
            "2026-11-14T10:30+01:00",
            "é",
            "2026-11-1é",
        ];
        for text in wrong {
            let error = parse(text, NOW).unwrap_err();
            assert!(error.contains("is not a moment: write 7d, 36h"), "{text}: {error}");
        }
        assert!(length("2026-11-14").unwrap_err().contains("write 5m, 1h or 7d"));
    }
}
