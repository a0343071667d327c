//! Values that each have a name: in JSON an object by name. A bare list of all of them is read too: that is how stores
//! keep them, without the names.

use std::collections::HashMap;

use serde::de::Error;
use serde::{Deserialize, Deserializer};

#[derive(Deserialize)]
#[serde(untagged, expecting = "expected an object by name, or the list of all values")]
enum Values {
    List(Vec<f32>),
    ByName(HashMap<String, f32>),
}

/// The values of `names`, each a `what`, in their order. Names that are not known are passed over.
///
/// # Errors
/// One is missing, or the list is of another length.
pub(super) fn values<'de, D: Deserializer<'de>, const N: usize>(
    deserializer: D,
    what: &str,
    names: [&str; N],
) -> Result<[f32; N], D::Error> {
    let by_name = match Values::deserialize(deserializer)? {
        Values::List(list) => {
            let count = list.len();
            return list.try_into().map_err(|_| D::Error::custom(format!("{count} {what}s, expected {N}")));
        }
        Values::ByName(by_name) => by_name,
    };
    let mut out = [0.0; N];
    for (value, name) in out.iter_mut().zip(names) {
        *value = *by_name.get(name).ok_or_else(|| D::Error::custom(format!("{what} '{name}' is missing")))?;
    }
    Ok(out)
}
