//! all-MiniLM-L6-v2 as ONNX Runtime does it fastest. The pinned file holds 8-bit weights and a graph that widens them
//! to floats before it multiplies; this one multiplies them as they are, in operators that take several steps at once
//! (`QAttention`, `DynamicQuantizeMatMul`, `SkipLayerNormalization`). The weights are the file's.
//!
//! Activations are quantized a call, so a text is to be embedded by itself: in company it would come out a little
//! different.

use std::collections::HashMap;

use prost::Message;
use prost::bytes::Bytes;

use super::onnx::{Attribute, FLOAT, Graph, INT8, INT32, INT64, Model, Node, OperatorSet, Tensor};

const HEADS: i64 = 12;
const EPSILON: f32 = 1e-12;
/// ONNX Runtime's own operators.
const CONTRIB: &str = "com.microsoft";
const EMBEDDINGS: &str = "inner.embeddings";

/// The model in `file`, as a graph that multiplies in 8 bits. Says what is missing where the file is another's.
pub(super) fn quantized(file: Vec<u8>) -> Result<Vec<u8>, String> {
    // its tensors stay where they are
    let model = Model::decode(Bytes::from(file)).map_err(|error| error.to_string())?;
    let mut graph = model.graph.ok_or("it holds no graph")?;
    let weights = Weights::of(&mut graph);
    let inputs = graph.input.iter().filter(|input| input.name != "token_type_ids").cloned().collect();
    let mut made = Maker { weights, nodes: Vec::new(), initializers: Vec::new() };
    let mut state = made.embeddings()?;
    made.op("Cast", &["attention_mask"], "mask", vec![Attribute::int("to", INT32.into())]);
    let mut layer = 0;
    while made.weights.of_linear.contains_key(&linear(layer, "attention.self.query")) {
        state = made.layer(layer, &state)?;
        layer += 1;
    }
    let last = made.nodes.last_mut().filter(|_| layer > 0).ok_or("it has no layers")?;
    last.output = graph.output.iter().map(|output| output.name.clone()).take(1).collect();
    let graph = Graph {
        node: made.nodes,
        name: graph.name,
        initializer: made.initializers,
        input: inputs,
        output: graph.output,
    };
    let opset = |domain: &str, version| OperatorSet { domain: domain.to_owned(), version };
    let opset_import = vec![opset("", 17), opset(CONTRIB, 1)];
    Ok(Model { ir_version: model.ir_version, graph: Some(graph), opset_import }.encode_to_vec())
}

fn linear(layer: usize, part: &str) -> String {
    format!("inner.encoder.layer.{layer}.{part}")
}

fn absent(name: &str) -> String {
    format!("{name} is not in it")
}

/// The file's tensors, found by name.
struct Weights {
    tensors: HashMap<String, Tensor>,
    /// What a linear map's matrix is called: only its bias bears the map's own name.
    of_linear: HashMap<String, String>,
}

impl Weights {
    /// Takes the tensors out of `graph`.
    fn of(graph: &mut Graph) -> Weights {
        let tensors = std::mem::take(&mut graph.initializer);
        let tensors = tensors.into_iter().map(|tensor| (tensor.name.clone(), tensor)).collect();
        let matrices: HashMap<&str, &str> = graph
            .node
            .iter()
            .filter(|node| node.op_type == "MatMul" && node.input.len() == 2 && node.output.len() == 1)
            .map(|node| (node.output[0].as_str(), node.input[1].as_str()))
            .collect();
        let mut of_linear = HashMap::new();
        for node in graph.node.iter().filter(|node| node.op_type == "Add") {
            let matrix = node.input.iter().find_map(|input| matrices.get(input.as_str()));
            let name = node.input.iter().find_map(|input| input.strip_suffix(".bias"));
            if let (Some(matrix), Some(name)) = (matrix, name) {
                of_linear.insert(name.to_owned(), (*matrix).to_owned());
            }
        }
        Weights { tensors, of_linear }
    }

    fn tensor(&self, name: &str) -> Result<&Tensor, String> {
        self.tensors.get(name).ok_or_else(|| absent(name))
    }

    /// The 8-bit matrix `name` and what each of its columns (rows, in an embedding) is to be multiplied by.
    fn quantized(&self, name: &str) -> Result<(&Tensor, &Tensor), String> {
        Ok((self.tensor(&format!("{name}_q"))?, self.tensor(&format!("{name}_scale"))?))
    }

    fn linear(&self, name: &str) -> Result<(&Tensor, &Tensor, &Tensor), String> {
        let matrix = self.of_linear.get(name).ok_or_else(|| absent(name))?;
        let (weight, scale) = self.quantized(matrix)?;
        Ok((weight, scale, self.tensor(&format!("{name}.bias"))?))
    }
}

/// The new graph as it grows. Each operator's result is called by the name it is given.
struct Maker {
    weights: Weights,
    nodes: Vec<Node>,
    initializers: Vec<Tensor>,
}

impl Maker {
    fn op(&mut self, op_type: &str, inputs: &[&str], output: &str, attribute: Vec<Attribute>) -> String {
        self.node("", op_type, inputs, &[output], attribute)
    }

    fn contrib(&mut self, op_type: &str, inputs: &[&str], output: &str, attribute: Vec<Attribute>) -> String {
        self.node(CONTRIB, op_type, inputs, &[output], attribute)
    }

    fn node(
        &mut self,
        domain: &str,
        op_type: &str,
        inputs: &[&str],
        outputs: &[&str],
        attribute: Vec<Attribute>,
    ) -> String {
        let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        self.nodes.push(Node {
            input: owned(inputs),
            output: owned(outputs),
            op_type: op_type.to_owned(),
            attribute,
            domain: domain.to_owned(),
        });
        outputs[0].to_owned()
    }

    fn constant(&mut self, name: &str, data_type: i32, dims: Vec<usize>, raw_data: impl Into<Bytes>) {
        let dims = dims.into_iter().map(|size| size as i64).collect();
        let tensor = Tensor { dims, data_type, name: name.to_owned(), raw_data: raw_data.into() };
        self.initializers.push(tensor);
    }

    /// Takes the file's tensor `name` over.
    fn keep(&mut self, name: &str) -> Result<(), String> {
        let tensor = self.weights.tensors.remove(name).ok_or_else(|| absent(name))?;
        self.initializers.push(tensor);
        Ok(())
    }

    /// Words, places and the one type of token there is, added up and normalized.
    fn embeddings(&mut self) -> Result<String, String> {
        for (name, value) in [("zero", 0), ("one", 1)] {
            self.constant(name, INT64, vec![], i64::to_le_bytes(value).to_vec());
        }
        self.constant("first", INT64, vec![1], i64::to_le_bytes(0).to_vec());
        let of_types = self.weights.tensor(&format!("{EMBEDDINGS}.token_type_embeddings.weight"))?;
        let width = *of_types.dims.last().ok_or("its types of token have no width")? as usize;
        let type_zero = of_types.raw_data.slice(..width * size_of::<f32>());
        self.constant("type_zero", FLOAT, vec![width], type_zero);

        let axes = vec![Attribute::int("start", 1), Attribute::int("end", 2)];
        self.op("Shape", &["input_ids"], "lengths", axes);
        self.op("Squeeze", &["lengths", "first"], "length", vec![]);
        self.op("Range", &["zero", "length", "one"], "places", vec![]);
        let words = self.looked_up("word_embeddings", "input_ids")?;
        let places = self.looked_up("position_embeddings", "places")?;
        self.op("Add", &[&places, "type_zero"], "places_and_type", vec![]);
        self.op("Add", &[&words, "places_and_type"], "embedded", vec![]);
        let (weight, bias) = self.norm(&format!("{EMBEDDINGS}.LayerNorm"))?;
        let how = vec![Attribute::int("axis", -1), Attribute::float("epsilon", EPSILON)];
        Ok(self.op("LayerNormalization", &["embedded", &weight, &bias], "state", how))
    }

    /// Rows of the table `name`; only those asked for are widened.
    fn looked_up(&mut self, name: &str, rows: &str) -> Result<String, String> {
        let table = format!("{EMBEDDINGS}.{name}.weight");
        let (values, scales) = (format!("{table}_q"), format!("{table}_scale"));
        self.keep(&values)?;
        self.keep(&scales)?;
        let (narrow, scale, wide) =
            (format!("{name}.narrow"), format!("{name}.scale"), format!("{name}.wide"));
        self.op("Gather", &[&values, rows], &narrow, vec![]);
        self.op("Gather", &[&scales, rows], &scale, vec![]);
        self.op("Cast", &[&narrow], &wide, vec![Attribute::int("to", FLOAT.into())]);
        Ok(self.op("Mul", &[&wide, &scale], name, vec![]))
    }

    fn layer(&mut self, layer: usize, state: &str) -> Result<String, String> {
        let named = |part: &str| linear(layer, part);
        let attended = self.attention(layer, state)?;
        let attended = self.linear(&attended, &named("attention.output.dense"))?;
        let state = self.add_and_norm(&attended, state, &named("attention.output.LayerNorm"))?;
        let wide = self.linear(&state, &named("intermediate.dense"))?;
        let bent = self.contrib("Gelu", &[&wide], &named("intermediate.bent"), vec![]);
        let narrow = self.linear(&bent, &named("output.dense"))?;
        self.add_and_norm(&narrow, &state, &named("output.LayerNorm"))
    }

    /// Queries, keys and values by one multiplication, and what comes of them.
    fn attention(&mut self, layer: usize, state: &str) -> Result<String, String> {
        let named = |part: &str| linear(layer, &format!("attention.{part}"));
        let parts = ["query", "key", "value"].map(|part| linear(layer, &format!("attention.self.{part}")));
        let parts = parts.iter().map(|part| self.weights.linear(part)).collect::<Result<Vec<_>, _>>()?;
        let side_by_side = |tensors: Vec<&Tensor>, rows: usize| -> Vec<u8> {
            let row = |tensor: &Tensor, row: usize| {
                let length = tensor.raw_data.len() / rows;
                tensor.raw_data[row * length..][..length].to_vec()
            };
            (0..rows).flat_map(|at| tensors.iter().flat_map(move |tensor| row(tensor, at))).collect()
        };
        let rows = parts[0].0.dims[0] as usize;
        let weight = side_by_side(parts.iter().map(|part| part.0).collect(), rows);
        let scale = side_by_side(parts.iter().map(|part| part.1).collect(), 1);
        let bias = side_by_side(parts.iter().map(|part| part.2).collect(), 1);
        let columns = bias.len() / size_of::<f32>();

        let [values, scales, zeros, biases] = ["weight", "scale", "zero", "bias"].map(named);
        self.constant(&values, INT8, vec![rows, columns], weight);
        self.constant(&scales, FLOAT, vec![columns], scale);
        self.constant(&zeros, INT8, vec![columns], vec![0; columns]);
        self.constant(&biases, FLOAT, vec![columns], bias);
        let [narrow, by, zero] = ["narrow", "narrow_scale", "narrow_zero"].map(named);
        self.node("", "DynamicQuantizeLinear", &[state], &[&narrow, &by, &zero], vec![]);
        let inputs = [&narrow, &values, &biases, &by, &scales, "mask", &zero, &zeros];
        Ok(self.contrib("QAttention", &inputs, &named("attended"), vec![Attribute::int("num_heads", HEADS)]))
    }

    fn linear(&mut self, input: &str, name: &str) -> Result<String, String> {
        let (weight, scale, bias) = self.weights.linear(name)?;
        let (weight, scale, bias) = (weight.clone(), scale.raw_data.clone(), bias.clone());
        let columns = scale.len() / size_of::<f32>();
        let [values, scales, zeros] = ["weight", "scale", "zero"].map(|part| format!("{name}.{part}"));
        let dims = weight.dims.iter().map(|size| *size as usize).collect();
        self.constant(&values, INT8, dims, weight.raw_data);
        self.constant(&scales, FLOAT, vec![columns], scale);
        self.constant(&zeros, INT8, vec![columns], vec![0; columns]);
        let inputs = [input, &values, &scales, &zeros, &bias.name.clone()];
        self.initializers.push(bias);
        Ok(self.contrib("DynamicQuantizeMatMul", &inputs, name, vec![]))
    }

    fn add_and_norm(&mut self, input: &str, skipped: &str, name: &str) -> Result<String, String> {
        let (weight, bias) = self.norm(name)?;
        let inputs = [input, skipped, &weight, &bias];
        Ok(self.contrib("SkipLayerNormalization", &inputs, name, vec![Attribute::float("epsilon", EPSILON)]))
    }

    fn norm(&mut self, name: &str) -> Result<(String, String), String> {
        let (weight, bias) = (format!("{name}.weight"), format!("{name}.bias"));
        self.keep(&weight)?;
        self.keep(&bias)?;
        Ok((weight, bias))
    }
}
