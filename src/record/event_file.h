// SPDX-License-Identifier: Apache-2.0
// A TensorBoard event file that is being written: scalars, histograms and pictures by tag and step. The training log makes
// one; `tensorboard --logdir FOLDER` shows it, also while it grows. The format is TFRecord (length, masked CRC-32C, bytes)
// around `tensorflow.Event` messages (event.proto, summary.proto), which a few lines encode; nothing here reads one.
//
//   EventFile events("run/tensorboard");
//   events.scalar("loss", 100, 0.25);
//   events.histogram("fc.weight", 100, w.data<float>(), w.count());
//   events.flush();
#pragma once
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace hone::record {

/// Of numbers that are finite: between `min` and `max` in equal steps; limits[i] is the right end of bucket i.
struct Histogram {
    double min = 0, max = 0, count = 0, sum = 0, squares = 0;
    std::vector<double> limits, buckets;
};
constexpr int kHistogramBuckets = 64;
/// `at(i)` gives number i of `n`. What is not finite is left out; without a finite number `count` is 0.
Histogram histogram_of(int64_t n, const std::function<double(int64_t)>& at);

/// A picture as the file holds it.
struct EventPicture {
    int height = 0, width = 0, channels = 0;  ///< 1 grey, 3 RGB
    std::string_view encoded;                 ///< PNG or JPEG
};

class EventFile {
  public:
    /// Makes the folder and in it a file of its own, "events.out.tfevents.<seconds>.<host>.<process>.<n>". Throws io
    /// "file.mkdir", "file.write".
    explicit EventFile(const std::string& folder);
    ~EventFile();  ///< flushes, without an error
    EventFile(const EventFile&) = delete;
    EventFile& operator=(const EventFile&) = delete;

    /// Each record waits in memory until there are 64 KiB or a second has passed; then, and on `flush`, whole records go to
    /// the file. Throws io "file.write"; the file then ends behind its last whole record.
    void scalar(const std::string& tag, int64_t step, double value);
    void histogram(const std::string& tag, int64_t step, const Histogram& h);
    void picture(const std::string& tag, int64_t step, const EventPicture& p);
    void text(const std::string& tag, int64_t step, const std::string& text);  ///< Markdown
    void flush();
    const std::string& path() const { return path_; }

  private:
    void add(int64_t step, std::string_view version, std::string_view summary);
    void add_value(const std::string& tag, int64_t step, std::string_view value);
    std::string path_, waiting_;
    int fd_ = -1;
    long long size_ = 0;
    double flushed_ = 0;
};

/// CRC-32C (Castagnoli), and as TFRecord stores it: rotated by 15 bits and shifted by a constant.
uint32_t crc32c(std::string_view bytes);
uint32_t masked_crc32c(std::string_view bytes);

}  // namespace hone::record
