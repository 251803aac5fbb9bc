//! The list of global variables.

use super::{Column, Get, List};
use crate::wire::variable::VariableView;

/// Global variables as one scope has them.
pub const VARIABLES: List<VariableView> =
    List { of: "variables", columns: COLUMNS, name: |variable| variable.name.clone() };

type This = Column<VariableView>;

const COLUMNS: &[This] = &[
    This::new("variable", "Its name", Get::Text(|v| Some(v.name.clone()))),
    This::new("value", "What counts here; ******** where it is hidden", Get::Text(value)),
    This::new("from", "The kind of scope whose value counts", Get::Text(from)),
    This::new("declared", "The kind of scope that declares it", Get::Text(declared)),
    This::new("category", "What it is listed under", Get::Text(|v| said(&v.category))),
    This::new("is", "Whether it is hidden, locked or required", Get::Text(marks)),
    This::new("description", "What it is for", Get::Text(|v| said(&v.description))),
];

fn value(variable: &VariableView) -> Option<String> {
    match (variable.hidden, &variable.defined_in) {
        // As many of them whatever is behind.
        (true, Some(_)) => Some("********".to_owned()),
        _ => variable.computed_value.clone(),
    }
}

fn from(variable: &VariableView) -> Option<String> {
    variable.defined_in.as_deref().map(scope_word)
}

fn declared(variable: &VariableView) -> Option<String> {
    Some(scope_word(&variable.declared_in))
}

/// A kind of scope by the word that commands know it by, which for the outermost is not the API's.
pub fn scope_word(kind: &str) -> String {
    if kind == "scalr" { "installation".to_owned() } else { kind.to_owned() }
}

fn said(text: &str) -> Option<String> {
    Some(text.to_owned()).filter(|text| !text.is_empty())
}

fn marks(variable: &VariableView) -> Option<String> {
    let required = variable.required_in.as_deref();
    let required = required.map(|kind| format!("required in {}", scope_word(kind)));
    let marks = [
        variable.hidden.then(|| "hidden".to_owned()),
        variable.locked.then(|| "locked".to_owned()),
        required,
    ];
    said(&marks.into_iter().flatten().collect::<Vec<String>>().join(", "))
}
