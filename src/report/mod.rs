//! What a person looks at: distributions of failover times, timelines of single runs and sequence diagrams, as SVG, PNG and
//! text.
//!
//! Nothing here needs a display or installed fonts, and SVG and text are the same bytes for the same input.

mod cdf;
mod font;
mod range;
mod raster;
mod run;
mod scene;
mod sequence;
mod sequence_layout;
mod sequence_order;
mod sequence_scene;
mod sequence_text;
mod svg;
mod table;
mod text;
mod timeline;
mod timeline_scene;

pub use cdf::{CdfMark, CdfPlot, CdfSeries};
pub use range::{Came, RangePlot, Try};
pub use run::timeline_of;
pub use sequence::{At, Bar, BarKind, Mark, Message, Sequence};
pub use table::{Align, Table};
pub use text::TextOptions;
pub use timeline::{
    Lane, LaneState, Outcome, Overlay, OverlayKind, RequestMark, ServerMark, StateSpan, Timeline, Verb,
};
