//! Rows for an entity at a moment, and the file that they end up in.
//!
//! Written with the crates that Rerun's own logger is made of, without the logger: it brings threads, a network and video
//! codecs, and names everything by chance. Here the same replay gives the same rows under the same names.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use forethought_agent::{RecordedEpisode, RecordingHeader};
use forethought_envs::files::Unfinished;
use re_chunk::{Chunk, ChunkBuilder, ChunkId, EntityPath, RowId, TimePoint};
use re_log_encoding::{EncodeError, Encoder};
use re_log_types::external::re_tuid::Tuid;
use re_log_types::{LogMsg, SetStoreInfo, StoreId, StoreInfo, StoreSource, TimeCell};
use re_sdk_types::AsComponents;
use re_sdk_types::archetypes::RecordingInfo;
use sha2::{Digest, Sha256};

use super::RerunError;

/// Rows of one entity that are written together: Rerun's own logger cuts at about as many.
const ROWS: usize = 1024;

/// What the encoder writes to: memory, which the replay takes more of in any case.
pub(super) type Bytes = Encoder<Vec<u8>>;

/// A file that is being written.
#[derive(Debug)]
pub struct RrdFile {
    path: PathBuf,
    unfinished: Unfinished,
}

impl RrdFile {
    /// Begins a file, before the work is done that ends up in it.
    ///
    /// # Errors
    /// [`RerunError::Exists`] for one that is there and not to be replaced, [`RerunError::Io`].
    pub fn begin(path: &Path, replace: bool) -> Result<Self, RerunError> {
        let unfinished = Unfinished::begin(path, replace).map_err(|source| refused(path, source))?;
        Ok(Self { path: path.to_owned(), unfinished })
    }

    /// Writes it whole, or not at all.
    pub(super) fn write(
        self,
        fill: impl FnOnce(&mut Bytes) -> Result<(), EncodeError>,
    ) -> Result<PathBuf, RerunError> {
        let Self { path, mut unfinished } = self;
        let bytes = Encoder::local().and_then(|mut encoder| {
            fill(&mut encoder)?;
            encoder.finish()?;
            encoder.into_inner()
        });
        let bytes =
            bytes.map_err(|source| RerunError::Encode { path: path.clone(), source: Box::new(source) })?;
        let written = unfinished.file().write_all(&bytes).and_then(|()| unfinished.finish());
        written.map_err(|source| refused(&path, source))?;
        Ok(path)
    }
}

fn refused(path: &Path, source: io::Error) -> RerunError {
    let path = path.to_owned();
    match source.kind() {
        io::ErrorKind::AlreadyExists => RerunError::Exists { path },
        _ => RerunError::Io { path, source },
    }
}

/// A moment of an episode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Moment {
    /// The loop's clock.
    pub time: Duration,
    /// Commands given before.
    pub step: u64,
}

impl From<Moment> for TimePoint {
    fn from(Moment { time, step }: Moment) -> Self {
        // Both are clamped where they are too large for Rerun: in 292 years.
        let nanoseconds = i64::try_from(time.as_nanos()).unwrap_or(i64::MAX);
        let step = i64::try_from(step).unwrap_or(i64::MAX);
        Self::from([
            ("loop_time", TimeCell::from_duration_nanos(nanoseconds)),
            ("step", TimeCell::from_sequence(step)),
        ])
    }
}

/// One episode on its way into the file.
pub(super) struct Log<'a> {
    encoder: &'a mut Bytes,
    store: StoreId,
    /// Rows that are not written yet, and how many, by entity; what holds at all times apart from the rest.
    open: BTreeMap<(String, bool), (ChunkBuilder, usize)>,
    named: u64,
}

impl<'a> Log<'a> {
    /// Begins an episode. Its name inside the viewer is what it saw and when, so that the same one is known again.
    pub fn begin(
        encoder: &'a mut Bytes,
        header: &RecordingHeader,
        episode: &RecordedEpisode,
    ) -> Result<Self, EncodeError> {
        let begin = &episode.begin;
        let mut hash = Sha256::new();
        hash.update(header.weights.as_bytes());
        hash.update(begin.seed.to_le_bytes());
        for line in &episode.ticks {
            hash.update(line.now.as_nanos().to_le_bytes());
            line.observation.iter().for_each(|value| hash.update(value.to_bits().to_le_bytes()));
        }
        let digest: String = hash.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect();
        let store = StoreId::recording("forethought", format!("{}-{digest}", begin.epoch));
        let info = StoreInfo::new(store.clone(), StoreSource::Other("forethought replay".to_owned()));
        let mut log = Self { encoder, store, open: BTreeMap::new(), named: 0 };
        let row_id = log.name();
        log.encoder.append(&LogMsg::SetStoreInfo(SetStoreInfo { row_id, info }))?;
        let name = format!("{}, episode {}, seed {}", header.environment, begin.epoch, begin.seed);
        log.row(EntityPath::properties(), None, &RecordingInfo::new().with_name(name))?;
        Ok(log)
    }

    /// Adds a row of what holds at all times.
    pub fn always(&mut self, entity: &str, what: &dyn AsComponents) -> Result<(), EncodeError> {
        self.row(EntityPath::from(entity), None, what)
    }

    /// Adds a row.
    pub fn at(&mut self, moment: Moment, entity: &str, what: &dyn AsComponents) -> Result<(), EncodeError> {
        self.row(EntityPath::from(entity), Some(moment), what)
    }

    fn row(
        &mut self,
        entity: EntityPath,
        moment: Option<Moment>,
        what: &dyn AsComponents,
    ) -> Result<(), EncodeError> {
        let key = (entity.to_string(), moment.is_none());
        let row = RowId::from_tuid(self.name());
        let (builder, rows) = match self.open.remove(&key) {
            Some(open) => open,
            None => (Chunk::builder_with_id(ChunkId::from_tuid(self.name()), entity), 0),
        };
        let time = moment.map_or_else(TimePoint::default, TimePoint::from);
        let builder = builder.with_archetype(row, time, what);
        if rows + 1 >= ROWS {
            return self.write(builder);
        }
        self.open.insert(key, (builder, rows + 1));
        Ok(())
    }

    fn write(&mut self, builder: ChunkBuilder) -> Result<(), EncodeError> {
        let message = builder.build()?.to_arrow_msg()?;
        self.encoder.append(&LogMsg::ArrowMsg(self.store.clone(), message)).map(drop)
    }

    /// Writes what is left.
    pub fn end(mut self) -> Result<(), EncodeError> {
        let open = std::mem::take(&mut self.open);
        open.into_values().try_for_each(|(builder, _)| self.write(builder))
    }

    /// The next name of a row or chunk.
    fn name(&mut self) -> Tuid {
        self.named += 1;
        Tuid::from_nanos_and_inc(0, self.named)
    }
}
