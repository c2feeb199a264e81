// SPDX-License-Identifier: Apache-2.0
// From what a user gives as `--data` to three disjoint datasets: training, validation, test. Every verb with data calls
// it. Known names, folders, tar archives, CSV and IDX files are recognised; parts that a data set has are kept.
//
//   DataOptions o;  o.seed = 1;  o.channels = 1;  o.height = o.width = 28;  o.preprocess.mean = {0.2860};
//   DataParts parts = open_data("fashion-mnist", o);
//   parts.validation->size();      // 5000
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "data/dataset.h"
#include "data/preprocess.h"
#include "data/split.h"
#include "data/text.h"

namespace hone {

struct RawPart;

struct DataOptions {
    uint64_t seed = 0;
    PreprocessOptions preprocess;  ///< flags merged over what the model carries
    int channels = 0;              ///< of the model's input, 1 or 3: grey or colour follows it; 0: as the source
    int height = 0, width = 0;     ///< of the model's input; 0: unknown
    /// The model's class names, where it carries them: they number the classes. Empty: the data's own, sorted.
    std::vector<std::string> class_names;
    TextOptions text;  ///< of lines of text
    std::optional<SplitShares> split;  ///< what missing parts get; a share of 0: the part stays missing
    std::optional<MadeSplit> made_split;  ///< of the model: parts of this very data are made as then, unless `split` says otherwise
    size_t cache_bytes = 0;  ///< decoded pictures kept, a part; 0: an eighth of limits().memory_bytes
};

struct DataParts {
    std::string name;  ///< as the user gave it
    DataKind kind = DataKind::image;
    DatasetPtr training, validation, test;  ///< disjoint; null where the data set cannot give one
    /// Which of them the data set itself has (a known name's fixed validation range counts).
    bool gave_training = false, gave_validation = false, gave_test = false;
    /// Everything in one, where the data set has no parts or a single one; else null.
    DatasetPtr whole;
    DatasetPtr split_from;  ///< what missing parts were made from; null where none were missing
    MadeSplit split{};      ///< how; `of` stays empty
    bool split_as_made = false;  ///< as options.made_split says
    Preprocess preprocess;  ///< as resolved: what belongs into the model's metadata
    std::vector<std::string> class_names;
    std::shared_ptr<const TextEncoder> encoder;  ///< of texts: what belongs into the model's metadata too
    std::vector<std::string> notes;  ///< for stderr: what was decided or left out
};

/// Rules: parts kept; no validation part: a stratified, seeded tenth of training; no test part beside training: a
/// stratified, seeded fifth; no parts at all: 70/10/20; other shares where `split` says, and what the model learnt from as
/// then; a part whose share is no sample stays missing (with a note). A lone validation or test part stays alone.
/// A vocabulary is made of the training part alone; without one the model's is needed ("data.text.vocabulary").
/// Throws data errors (data.absent, data.format, data.classes, data.columns, data.image.*, data.idx.*, ...), usage
/// errors for bad preprocessing, budget memory.limit.
DataParts open_data(const std::string& spec, const DataOptions& options);

/// The same for samples that were read already: all of them in `whole`, which alone is filled beside what describes it.
DataParts open_samples(RawPart part, const std::string& name, const DataOptions& options);

/// "fashion-mnist", ... Looked for in $HONE_DATA_PATH (folders separated by ':'), then where Debian puts it.
std::vector<std::string> known_datasets();

/// Pictures through the same path as a dataset's, for `run` and `serve`: [1,C,H,W]. Throws data errors.
Tensor load_picture(const std::string& path, const Preprocess& preprocess, int channels);

}  // namespace hone
