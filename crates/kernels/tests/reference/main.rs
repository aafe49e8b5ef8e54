//! Every fast path gives the values and the gradients of its reference, on every kind of device.

mod by_hand;
mod common;
mod gradients;
mod halves;
mod int4;
mod large;
mod linear;
mod random;
