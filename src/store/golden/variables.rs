//! Golden bytes of variables.

use super::{ENV, check};
use crate::base::VariableId;
use crate::model::*;
use crate::store::Record;

#[test]
fn variables() {
    let declared = VariableDeclaration {
        category: "c".to_owned(),
        description: "d".to_owned(),
        locked: true,
        hidden: false,
        required_in: Some(ScopeKind::FarmRole),
        validation_pattern: "v".to_owned(),
        output_format: "%s".to_owned(),
    };
    let variable = GlobalVariable {
        id: VariableId(1),
        env: Some(ENV),
        scope: VariableScope::Environment(ENV),
        name: "N".to_owned(),
        value: Some(VariableValue::Plain("x".to_owned())),
        declared: Some(declared),
    };
    check(&variable, "0101010101014e010001780101630164010001030176022573");
    let sealed = Sealed { key: SealingKeyId([7; 8]), bytes: vec![1, 2] };
    let mut hidden =
        GlobalVariable { value: Some(VariableValue::Hidden(sealed)), declared: None, ..variable };
    check(&hidden, "0101010101014e010107070707070707070201 0200");
    assert_eq!(hidden.sealed().len(), 1, "what is sealed is sealed anew by a rotation");
}
