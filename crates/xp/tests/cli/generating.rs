//! `xp generate` and `xp eval`: a model by its folder, by its name, and a trial's own.

use std::{fs, path::PathBuf};

use serde_json::Value;
use testkit::assets;

use crate::fixture::Lab;

/// The trained tiny Qwen2-MoE and what its reference says of it.
struct Reference {
    folder: PathBuf,
    text: PathBuf,
    said: Value,
}

impl Reference {
    fn of(test: &str) -> Option<Self> {
        let assets = assets(test)?;
        let folder = assets.join("models/tiny_qwen2_moe/fp32");
        let said = fs::read_to_string(folder.join("reference.json")).expect("the reference");
        Some(Self {
            text: assets.join("datasets/tinystories/valid.txt"),
            said: serde_json::from_str(&said).expect("JSON"),
            folder,
        })
    }

    fn prompt(&self, number: usize) -> &str {
        self.said["prompts"][number]["text"]
            .as_str()
            .expect("a text")
    }

    /// The tokens of the reference's 64 that are not the end of a text.
    fn tokens(&self, number: usize) -> usize {
        let ids = self.said["prompts"][number]["greedy_64"].as_array();
        let ids = ids.expect("ids").iter();
        ids.take_while(|id| id.as_u64() != Some(0)).count()
    }
}

fn generate(lab: &Lab, arguments: &[&str]) -> crate::fixture::Ran {
    let all = ["generate"].iter().chain(arguments);
    crate::fixture::Ran::of(lab.command(all).output().expect("xp starts"))
}

#[test]
fn a_pretrained_model_continues_texts_alone_and_side_by_side() {
    let test = "a_pretrained_model_continues_texts_alone_and_side_by_side";
    let Some(reference) = Reference::of(test) else {
        return;
    };
    let lab = Lab::new();
    let folder = reference.folder.to_str().expect("UTF-8");
    let greedy = ["--max-tokens", "64", "--temperature", "0"];
    let alone: Vec<String> = (0..3)
        .map(|number| {
            let prompt = ["--prompt", reference.prompt(number)];
            let all = [&[folder][..], &prompt, &greedy].concat();
            generate(&lab, &all).expect(0).stdout
        })
        .collect();
    let prompts: Vec<&str> = (0..3)
        .flat_map(|number| ["--prompt", reference.prompt(number)])
        .collect();
    let together = [&[folder, "--json"][..], &prompts, &greedy].concat();
    let together = generate(&lab, &together).expect(0).json();
    for (number, alone) in alone.iter().enumerate() {
        let one = &together[number];
        assert_eq!(one["prompt"], reference.prompt(number));
        assert_eq!(format!("{}\n", one["text"].as_str().expect("text")), *alone);
        assert_eq!(one["tokens"], reference.tokens(number));
    }
    // Drawn texts follow from the seed.
    let drawn = |seed: &str| {
        let all = [
            folder,
            "--prompt",
            "Once",
            "--max-tokens",
            "12",
            "--seed",
            seed,
        ];
        generate(&lab, &all).expect(0).stdout
    };
    assert_eq!(drawn("1"), drawn("1"));
    assert_ne!(drawn("1"), drawn("2"));

    let chat = [folder, "--prompt", "Hi", "--chat"];
    generate(&lab, &chat)
        .expect(2)
        .says(&["has no chat template", "--chat"]);
    let hot = [folder, "--prompt", "Hi", "--temperature", "-1"];
    generate(&lab, &hot).expect(2).says(&["temperature"]);
    let mute = [folder, "--prompt", ""];
    generate(&lab, &mute)
        .expect(2)
        .says(&["prompt 0 has no tokens"]);
}

#[test]
fn a_pretrained_model_is_evaluated_as_the_reference_does() {
    let test = "a_pretrained_model_is_evaluated_as_the_reference_does";
    let Some(reference) = Reference::of(test) else {
        return;
    };
    let lab = Lab::new();
    let (folder, text) = (reference.folder.display(), reference.text.display());
    let line =
        format!("eval {folder} --text {text} --chars 200000 --windows 40 --sequence 256 --json");
    let given = lab.xp(&line).expect(0).json();
    let wanted = reference.said["nll"]["perplexity"]
        .as_f64()
        .expect("a number");
    let perplexity = given["perplexity"].as_f64().expect("a number");
    assert!(
        (perplexity / wanted - 1.0).abs() < 5e-4,
        "{perplexity} for {wanted}"
    );
    assert_eq!(given["tokens"], 40 * 256);
    let nats = given["nats_per_token"].as_f64().expect("a number");
    assert!((nats.exp() / perplexity - 1.0).abs() < 1e-9);

    // Longer than the model has places.
    let line = format!("eval {folder} --text {text} --chars 20000 --sequence 600");
    lab.xp(&line).expect(2).says(&["512", "--sequence"]);
    let line = format!("eval {folder} --text {text} --chars 20");
    lab.xp(&line)
        .expect(2)
        .says(&["one window of 256 needs 257"]);
    lab.xp(&format!("eval {folder} --text nowhere.txt"))
        .expect(3)
        .says(&["there is no text nowhere.txt", "--text"]);
}

/// Sweeps that keep their weights, one with each model, hash's tables among their routers.
#[test]
fn a_trial_that_kept_its_weights_is_a_model() {
    let lab = Lab::new();
    let file = lab.file(
        "kept.toml",
        "name = 'kept'\nquestion = 'which?'\njob = 'train'\nseeds = [3]\nsave = 'last'\n\
         [data]\ncorpus = { tinytales = { stories = 60 } }\n\
         [moe]\nexperts = 4\nk = 2\n\
         [train]\nsteps = 3\nbatch = 2\nsequence = 16\nwarmup = 1\neval-windows = 0\n\
         [axes]\nstrategy = ['soft-top-k', 'hash']\n\
         model = [{ tiny-moe = { layers = 1, dim = 16, heads = 2 } }, \
                  { qwen2-moe = { layers = 1, dim = 16, heads = 2 } }]\n",
    );
    lab.xp(&format!("sweep {file}")).expect(0);
    let trials = runstore::read_trials(&lab.results("kept", "base-cpu")).expect("results");
    assert_eq!(trials.len(), 4);
    let plan = lab.xp(&format!("plan {file} --json")).expect(0).json();
    assert_eq!(plan["trials"].as_array().map(Vec::len), Some(4));
    // The validation text as the trials had it: what they were evaluated on.
    let text = corpora::valid_text(
        &toml::from_str::<toml::Table>("c = { tinytales = { stories = 60 } }").unwrap()["c"]
            .clone()
            .try_into()
            .unwrap(),
        &corpora::DataDir::new("datasets"),
    );
    lab.file("valid.txt", text.expect("built-in stories"));
    for trial in &trials {
        let id = &trial.trial_id;
        let line = format!("eval {id} --text valid.txt --sequence 16 --json");
        let given = lab.xp(&line).expect(0).json();
        let nats = given["nats_per_token"].as_f64().expect("a number");
        let wanted = trial.valid_loss.expect("an evaluation");
        let name = format!("{:?} with {:?}", trial.model, trial.strategy);
        assert!(
            (nats / wanted - 1.0).abs() < 1e-5,
            "{name}: {nats} for {wanted}"
        );
        let line = format!("generate {id} --prompt Once --max-tokens 5 --temperature 0");
        assert!(!lab.xp(&line).expect(0).stdout.is_empty(), "{name}");
    }
    let other = lab.file("other.toml", "name = 'other'\nquestion = 'q'\njob = 'train'\nseeds = [3]\n\
         [data]\ncorpus = { tinytales = { stories = 60 } }\n[model.tiny-moe]\nlayers = 1\ndim = 16\nheads = 2\n\
         [train]\nsteps = 1\nbatch = 2\nsequence = 16\nwarmup = 1\neval-windows = 2\n");
    lab.xp(&format!("sweep {other}")).expect(0);
    lab.xp("eval latest --text valid.txt")
        .expect(3)
        .says(&["kept no weights", "--set save=last"]);
    lab.xp("eval nobody/model --text valid.txt").expect(3);
}

/// A forged model of so few places that a text soon has no more.
#[test]
fn a_text_that_has_no_more_places_is_said_to() {
    let lab = Lab::new();
    lab.xp("forge qwen2-moe --out model").expect(0);
    let path = lab.path().join("model/config.json");
    let mut config: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    config["max_position_embeddings"] = 12.into();
    config["eos_token_id"] = Value::Null;
    fs::write(&path, config.to_string()).unwrap();
    let ran = lab
        .xp("generate model --prompt Once --max-tokens 64 --temperature 0 --json")
        .expect(0);
    let tokens = ran.json()[0]["tokens"].as_u64().expect("a number");
    assert!(tokens < 13, "{tokens}");
    ran.says(&[
        &format!("the text of prompt 0 stops behind {tokens} tokens"),
        "the 12 places of the model are used up",
    ]);
    let short = lab
        .xp("generate model --prompt Once --max-tokens 2")
        .expect(0);
    assert!(!short.stderr.contains("places"), "{}", short.stderr);
}

#[test]
fn a_chat_template_is_read_only_where_it_is_asked_for() {
    let lab = Lab::new();
    lab.xp("forge qwen2-moe --out model").expect(0);
    let generate = |more: &str| {
        lab.xp(&format!(
            "generate model --prompt Once --max-tokens 1 {more}"
        ))
    };
    lab.file(
        "model/tokenizer_config.json",
        r#"{"chat_template": [{"name": "default", "template": "{{ raise_exception('no user') }}"}]}"#,
    );
    generate("").expect(0);
    generate("--chat").expect(2).says(&["no user"]);
    lab.file(
        "model/chat_template.jinja",
        "{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}",
    );
    generate("--chat")
        .expect(2)
        .says(&["does not come to an end", "leave out --chat"]);
    lab.file("model/chat_template.jinja", "{{ messages[0].content }}");
    generate("--chat").expect(0);
}
