// SPDX-License-Identifier: Apache-2.0
// Checkpoints of one run in a folder: each a safetensors file and a manifest beside it that is written last, both
// atomically, so that a killed process or a full disk leaves the checkpoints before. The two newest are kept. What goes
// into them is the caller's: resume.h for the training loop.
//
//   CheckpointStore store("run/checkpoints");
//   store.save(manifest, {{"states/w", w}});
//   std::optional<Checkpoint> last = store.newest(words);    // of a folder without any: none
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "record/checkpoint.h"
#include "record/safetensors.h"

namespace hone::train {

struct CheckpointOptions {
    std::string folder{};           ///< empty: none are kept
    int64_t every_steps = 0;        ///< 0: not by steps
    double every_seconds = 600;     ///< 0: not by time
    bool every_epoch = true;        ///< but where saving would take more than a twentieth of the time
    bool resume = false;            ///< go on from the newest in the folder; where there is none begin anew
    bool keep_threads = true;       ///< go on with the number of threads that the checkpoint was made with
    bool writes = true;             ///< false: of several processes that share the folder, one that only reads
    std::string version{};          ///< of the program, for a word where it is another's
};

/// "500" or "500steps", "10m", "epoch", several with commas, or "never", which empties `folder`. Throws usage "usage.value".
void set_checkpoint_every(CheckpointOptions& options, const std::string& text);

struct Checkpoint {
    record::Checkpoint manifest;
    record::Tensors tensors;  ///< in the mapped file
};

class CheckpointStore {
  public:
    /// With `writes` the folder is made and locked, and what a killed process left half-written is removed. Throws io
    /// "file.*", "train.busy" while another process writes there.
    explicit CheckpointStore(std::string folder, bool writes = true);
    ~CheckpointStore();
    CheckpointStore(const CheckpointStore&) = delete;

    /// The newest that is whole; a line in `words` for each that is not. Throws data "train.checkpoint" where there are
    /// some and none is whole.
    std::optional<Checkpoint> newest(std::vector<std::string>& words);
    /// The newest manifest that is whole, its tensors unread.
    std::optional<record::Checkpoint> newest_manifest() const;
    /// Fills in the manifest's last three fields. Then all but the two newest, of other runs too, are removed. Throws io
    /// "file.write", "interrupted": the others are as they were.
    void save(record::Checkpoint manifest, const record::Tensors& tensors);
    const std::string& folder() const { return folder_; }

  private:
    std::string path(int64_t serial, const char* ending) const;
    record::Checkpoint read_manifest(int64_t serial) const;
    /// Removes what is of no checkpoint of `keep`.
    void sweep(const std::vector<int64_t>& keep) const;

    std::string folder_;
    int lock_ = -1;
    std::vector<int64_t> there_;  ///< serials with a manifest, rising
    std::vector<int64_t> good_;   ///< of this run
    int64_t last_ = 0;
};

/// A hash of names, types, dims and bytes.
std::string tensors_hash(const record::Tensors& tensors);

}  // namespace hone::train
