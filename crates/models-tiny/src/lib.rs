//! TinyMoE, the small decoder language model of the sweeps.
