//! The words of each topic, and the words that all topics share.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a story is about.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Topic {
    /// Pets and farms.
    Animals,
    /// Rain, snow and wind.
    Weather,
    /// Cooking and eating.
    Food,
    /// Beaches and boats.
    Sea,
    /// Plants.
    Garden,
    /// Lessons and books.
    School,
    /// Songs and instruments.
    Music,
    /// Trains and roads.
    Travel,
}

impl Topic {
    /// Every topic.
    pub const ALL: [Self; 8] = [
        Self::Animals,
        Self::Weather,
        Self::Food,
        Self::Sea,
        Self::Garden,
        Self::School,
        Self::Music,
        Self::Travel,
    ];

    /// The name in settings and result tables.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Animals => "animals",
            Self::Weather => "weather",
            Self::Food => "food",
            Self::Sea => "sea",
            Self::Garden => "garden",
            Self::School => "school",
            Self::Music => "music",
            Self::Travel => "travel",
        }
    }

    /// The words that belong to the topic.
    pub(super) const fn words(self) -> &'static Words {
        match self {
            Self::Animals => &ANIMALS,
            Self::Weather => &WEATHER,
            Self::Food => &FOOD,
            Self::Sea => &SEA,
            Self::Garden => &GARDEN,
            Self::School => &SCHOOL,
            Self::Music => &MUSIC,
            Self::Travel => &TRAVEL,
        }
    }
}

/// The words of a topic. No word is in two topics.
pub(super) struct Words {
    /// Things that can be held, seen and given.
    pub(super) nouns: &'static [&'static str],
    /// Verbs in the past that take such a thing.
    pub(super) verbs: &'static [&'static str],
    /// What such a thing may be.
    pub(super) adjectives: &'static [&'static str],
    /// Where it happens.
    pub(super) places: &'static [&'static str],
}

const ANIMALS: Words = Words {
    nouns: &[
        "cat", "dog", "rabbit", "pony", "hen", "lamb", "duckling", "hamster", "goat", "puppy",
    ],
    verbs: &["fed", "petted", "brushed", "chased", "hugged", "tamed"],
    adjectives: &["furry", "playful", "hungry", "fluffy", "gentle", "shy"],
    places: &["farm", "barn", "zoo", "meadow"],
};

const WEATHER: Words = Words {
    nouns: &[
        "cloud", "storm", "rainbow", "snowman", "umbrella", "icicle", "puddle", "kite", "raindrop",
    ],
    verbs: &["watched", "noticed", "feared", "faced", "awaited", "melted"],
    adjectives: &["windy", "frozen", "grey", "stormy", "misty", "chilly"],
    places: &["hill", "roof", "valley", "street"],
};

const FOOD: Words = Words {
    nouns: &[
        "cake", "soup", "apple", "pie", "cookie", "sandwich", "pancake", "carrot", "egg", "jam",
    ],
    verbs: &["baked", "tasted", "stirred", "cooked", "served", "ate"],
    adjectives: &["sweet", "warm", "salty", "crunchy", "tasty", "spicy"],
    places: &["kitchen", "bakery", "table", "market"],
};

const SEA: Words = Words {
    nouns: &[
        "shell", "boat", "fish", "crab", "wave", "anchor", "whale", "starfish", "net", "oar",
    ],
    verbs: &["caught", "sailed", "rowed", "rescued", "fished", "floated"],
    adjectives: &["shiny", "wet", "salted", "deep", "blue", "slippery"],
    places: &["beach", "harbour", "island", "lighthouse"],
};

const GARDEN: Words = Words {
    nouns: &[
        "flower", "seed", "tree", "rose", "leaf", "bush", "tulip", "weed", "acorn", "root",
    ],
    verbs: &["planted", "watered", "picked", "grew", "smelled", "trimmed"],
    adjectives: &["green", "leafy", "fresh", "thorny", "sunny", "ripe"],
    places: &["garden", "orchard", "greenhouse", "park"],
};

const SCHOOL: Words = Words {
    nouns: &[
        "book", "pencil", "lesson", "letter", "map", "puzzle", "notebook", "ruler", "essay",
    ],
    verbs: &["read", "wrote", "studied", "learned", "copied", "solved"],
    adjectives: &["clever", "neat", "difficult", "useful", "correct", "thick"],
    places: &["school", "library", "classroom", "playground"],
};

const MUSIC: Words = Words {
    nouns: &[
        "drum", "song", "flute", "piano", "violin", "tune", "trumpet", "bell", "guitar", "harp",
    ],
    verbs: &["played", "practised", "sang", "tuned", "heard", "strummed"],
    adjectives: &["loud", "soft", "lively", "slow", "golden", "noisy"],
    places: &["stage", "theatre", "studio", "festival"],
};

const TRAVEL: Words = Words {
    nouns: &[
        "train", "ticket", "suitcase", "bus", "bicycle", "wheel", "car", "compass", "lorry",
    ],
    verbs: &["drove", "packed", "rode", "missed", "repaired", "parked"],
    adjectives: &["fast", "dusty", "heavy", "rusty", "crowded", "distant"],
    places: &["station", "road", "bridge", "airport"],
};

/// Names with their pronouns: she or he, her or him, her or his.
pub(super) const PEOPLE: &[(&str, Pronouns)] = &[
    ("Mia", SHE),
    ("Lily", SHE),
    ("Anna", SHE),
    ("Rosa", SHE),
    ("Zoe", SHE),
    ("Ivy", SHE),
    ("Nora", SHE),
    ("Emma", SHE),
    ("Ruby", SHE),
    ("Olga", SHE),
    ("Uma", SHE),
    ("Freya", SHE),
    ("Tom", HE),
    ("Ben", HE),
    ("Max", HE),
    ("Leo", HE),
    ("Sam", HE),
    ("Jack", HE),
    ("Omar", HE),
    ("Finn", HE),
    ("Hugo", HE),
    ("Kai", HE),
    ("Paul", HE),
    ("Victor", HE),
];

/// The pronouns of a person.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pronouns {
    pub(super) subject: &'static str,
    pub(super) object: &'static str,
    pub(super) possessive: &'static str,
}

const SHE: Pronouns = Pronouns {
    subject: "she",
    object: "her",
    possessive: "her",
};
const HE: Pronouns = Pronouns {
    subject: "he",
    object: "him",
    possessive: "his",
};

/// Feelings, shared by all topics.
pub(super) const FEELINGS: &[&str] = &[
    "happy", "sad", "proud", "tired", "brave", "scared", "excited", "calm", "kind", "sorry",
];
