//! An end's steps, and the list of them.

macro_rules! steps {
    ($($step:ident),+) => {
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Step { $($step),+ }

        pub const STEPS: &[Step] = &[$(Step::$step),+];
    };
}
pub(crate) use steps;
