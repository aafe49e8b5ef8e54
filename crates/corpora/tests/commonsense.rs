//! The real records, lines and questions, as a model reads them. Numbers of tokens were counted with the Python
//! package `tokenizers`, by the reference's own steps.

mod real;

use std::collections::BTreeMap;

use corpora::{
    DataDir, Example, ExampleBatches, ExampleEncoding, ExampleSet, ExamplesConfig, FetchPolicy,
    FileState, InstructionsConfig, LinesConfig, PretrainedConfig, PretrainedTokenizer,
    QuestionSettings, Questions, RowsConfig, Task, Template, Tokenizer, digests, load_examples,
    load_questions, question_digests,
};
use real::assets;

/// The vocabulary of the trained tiny Qwen2-MoE, whose texts end in 0.
const TINY: &str = "../models/tiny_qwen2_moe/fp32/tokenizer.json";

fn examples(config: impl Into<ExamplesConfig>, cutoff: usize, data: &DataDir) -> ExampleSet {
    let config = config.into();
    let file = data.file(TINY).display().to_string();
    let tokenizer = PretrainedConfig { file }.into();
    let encoding = ExampleEncoding {
        cutoff,
        end: Some(0),
    };
    let set = load_examples(&config, &tokenizer, encoding, data, FetchPolicy::Never).unwrap();
    let expected = digests(&config.corpus(), &tokenizer, data).unwrap();
    assert_eq!(set.digests, expected);
    set
}

fn sum(examples: &[Example], of: impl Fn(&Example) -> usize) -> usize {
    examples.iter().map(of).sum()
}

#[test]
fn records_are_cut_ended_and_masked_as_in_the_reference() {
    let Some(data) = assets("records_are_cut_ended_and_masked_as_in_the_reference") else {
        return;
    };
    let config = InstructionsConfig {
        train_on_inputs: false,
        ..InstructionsConfig::default()
    };
    let set = examples(config, 256, &data);
    let all = [set.train, set.valid].concat();
    // Six questions occur twice, none of them among those that validate.
    assert_eq!(all.len(), 14_637);
    assert_eq!(sum(&all, |one| one.ids.len()), 3_119_678);
    assert_eq!(sum(&all, Example::counted), 125_430);
    assert!(all.iter().all(|one| one.ids.len() <= 256));
    let said = set.warnings.join("\n");
    assert!(said.contains("lost their end"), "{said}");
    // "N of M training texts have nothing to learn within C tokens and are left out", and the same of validation.
    let nothing = said
        .lines()
        .filter(|line| line.contains("nothing to learn"));
    let numbers = nothing.map(|line| line.split(' ').next().unwrap().parse::<usize>().unwrap());
    assert_eq!(numbers.sum::<usize>(), 17_754 - 14_637, "{said}");
}

#[test]
fn all_tokens_count_where_inputs_are_trained_on() {
    let Some(data) = assets("all_tokens_count_where_inputs_are_trained_on") else {
        return;
    };
    let config = InstructionsConfig {
        records: 500,
        ..InstructionsConfig::default()
    };
    let set = examples(config, 512, &data);
    assert_eq!((set.train.len(), set.valid.len()), (500, 120));
    assert!(set.warnings.is_empty(), "{:?}", set.warnings);
    for one in set.train.iter().chain(&set.valid) {
        assert_eq!((one.first_counted, one.ids.last()), (1, Some(&0)));
        let text = set.tokenizer.decode(&one.ids).unwrap();
        assert!(text.starts_with("Below is an instruction"), "{text}");
        assert!(
            text.contains("### Response:\n                the correct answer is "),
            "{text}"
        );
    }
    // An epoch has each of them once, in whatever rows they stand.
    let rows = RowsConfig {
        batch: 4,
        multiple_of: 8,
        packed: Some(1024),
    };
    let mut packed = ExampleBatches::new(&set.train, rows).unwrap();
    let all = sum(&set.train, Example::read);
    assert!(
        packed.rows() * 1024 < all * 11 / 10,
        "{} rows",
        packed.rows()
    );
    let batches = packed.rows().div_ceil(4) as u64;
    let mut seen: usize = 0;
    for index in 0..batches {
        let batch = packed.training(17, index);
        assert_eq!(batch.length % 8, 0);
        seen += batch.counted.iter().filter(|counts| **counts).count();
    }
    assert!(seen >= all, "{seen} of {all}");
}

#[test]
fn the_first_hundred_lines_of_shakespeare() {
    let Some(data) = assets("the_first_hundred_lines_of_shakespeare") else {
        return;
    };
    let apart = examples(LinesConfig::default(), 256, &data);
    // 76 of 100 lines are not empty. They have 878 tokens, and an end each.
    assert_eq!(apart.train.len(), 76);
    assert_eq!(sum(&apart.train, |one| one.ids.len()), 878 + 76);
    let first = apart.tokenizer.decode(&apart.train[0].ids).unwrap();
    assert_eq!(first, "First Citizen:<|endoftext|>");
    let joined = LinesConfig {
        joined: true,
        ..LinesConfig::default()
    };
    let joined = examples(joined, 256, &data);
    // 978 tokens, of which all but the first are predicted: 256, 256, 256 and 209.
    let counted: Vec<usize> = joined.train.iter().map(Example::counted).collect();
    assert_eq!(counted, [256, 256, 256, 209]);
}

/// The questions of a task for a model that reads 512 tokens; at most `items`, or all.
fn questions(task: Task, template: Template, items: usize, data: &DataDir) -> Questions {
    let tokenizer = PretrainedTokenizer::read(&data.file(TINY)).unwrap();
    let settings = QuestionSettings { template, items };
    let tokenizer = Tokenizer::Pretrained(tokenizer);
    load_questions(task, &tokenizer, &settings, (512, 0), data).unwrap()
}

#[test]
fn every_question_of_seven_tests_is_read() {
    let Some(data) = assets("every_question_of_seven_tests_is_read") else {
        return;
    };
    // Questions, those longer than 512 tokens, and how often the commonest answer is right.
    for (task, items, cut, (commonest, times)) in [
        (Task::Boolq, 3270, 0, ("true", 2033)),
        (Task::Piqa, 1838, 21, ("solution2", 928)),
        (Task::SocialIqa, 1954, 0, ("answer3", 657)),
        (Task::Winogrande, 1267, 0, ("option2", 639)),
        (Task::ArcEasy, 2376, 0, ("answer3", 633)),
        (Task::ArcChallenge, 1172, 1, ("answer2", 311)),
        (Task::Openbookqa, 500, 0, ("answer1", 138)),
    ] {
        let questions = questions(task, Template::Evaluation, 0, &data);
        assert_eq!(
            (questions.items.len(), questions.cut),
            (items, cut),
            "{task}"
        );
        let mut counts = BTreeMap::new();
        for question in &questions.items {
            *counts.entry(question.names[question.right]).or_insert(0) += 1;
            assert_eq!(question.names.len(), question.options.len());
            let longest = question.options.iter().map(Vec::len).max().unwrap();
            assert!(question.context.len() + longest - 1 <= 512);
        }
        assert_eq!(counts[commonest], times, "{task}");
        assert!(counts.values().all(|count| *count <= times), "{task}");
        assert_eq!(
            question_digests(&[task], &data).unwrap(),
            [questions.digest]
        );
    }
    let message = question_digests(&[Task::Hellaswag], &data).unwrap_err();
    assert!(message.is_missing());
    assert!(
        message
            .to_string()
            .contains("xp data fetch commonsense-tests"),
        "{message}"
    );
    let reports = corpora::check("commonsense-tests", &data).unwrap();
    let known = reports
        .iter()
        .filter(|report| matches!(report.state, FileState::Known(_)));
    assert_eq!(known.count(), 7);
}

#[test]
fn answers_are_what_texts_do_not_have_in_common() {
    let Some(data) = assets("answers_are_what_texts_do_not_have_in_common") else {
        return;
    };
    // "true" is one token and "false" three; "answer1" to "answer4" differ in their last.
    let boolq = questions(Task::Boolq, Template::Evaluation, 1, &data);
    assert_eq!(boolq.items[0].options, [vec![2622], vec![168, 293, 282]]);
    let arc = questions(Task::ArcEasy, Template::Perft, 1, &data);
    assert_eq!(arc.items[0].options, [[17], [18], [19], [20]]);
    // The text is the same whichever of the two templates asks; they end elsewhere.
    let asked = questions(Task::ArcEasy, Template::Evaluation, 1, &data);
    assert_eq!(asked.items[0].context, arc.items[0].context);
    assert!(arc.items[0].prompt.len() > asked.items[0].prompt.len());
    let trained = questions(Task::ArcEasy, Template::Training, 1, &data);
    assert_ne!(trained.items[0].context, arc.items[0].context);
}
