// SPDX-License-Identifier: Apache-2.0
#include "record/event_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <cerrno>
#include <chrono>
#include <cmath>
#include <cstring>
#include <limits>

#include "base/error.h"
#include "base/file.h"
#include "base/timing.h"

namespace hone::record {

namespace {
constexpr size_t kWaitingBytes = size_t{64} << 10;
constexpr double kWaitingSeconds = 1;

// Field numbers of event.proto and summary.proto.
enum EventField { kWallTime = 1, kStep = 2, kFileVersion = 3, kSummary = 5 };
enum SummaryField { kValue = 1 };
enum ValueField { kTag = 1, kSimpleValue = 2, kImage = 4, kHisto = 5, kTensor = 8, kMetadata = 9 };

/// A protobuf message under construction.
class Message {
  public:
    Message& varint(int field, uint64_t v) { return key(field, 0).raw(v); }
    Message& fixed64(int field, double v) {
        key(field, 1);
        put(std::bit_cast<uint64_t>(v));
        return *this;
    }
    Message& fixed32(int field, float v) {
        key(field, 5);
        put(std::bit_cast<uint32_t>(v));
        return *this;
    }
    Message& bytes(int field, std::string_view v) {
        key(field, 2).raw(v.size());
        out_.append(v);
        return *this;
    }
    Message& packed(int field, const std::vector<double>& v) {
        key(field, 2).raw(v.size() * sizeof(double));
        for (const double x : v) put(std::bit_cast<uint64_t>(x));
        return *this;
    }
    const std::string& text() const { return out_; }

  private:
    Message& key(int field, unsigned wire) { return raw(static_cast<uint64_t>(field) << 3 | wire); }
    Message& raw(uint64_t v) {
        for (; v >= 0x80; v >>= 7) out_ += static_cast<char>(v | 0x80);
        out_ += static_cast<char>(v);
        return *this;
    }
    template <class T>
    void put(T v) {
        for (size_t i = 0; i < sizeof v; ++i) out_ += static_cast<char>(v >> (8 * i));
    }
    std::string out_;
};

template <class T>
std::string little_endian(T v) {
    std::string out;
    for (size_t i = 0; i < sizeof v; ++i) out += static_cast<char>(v >> (8 * i));
    return out;
}

constexpr std::array<uint32_t, 256> castagnoli_table() {
    constexpr uint32_t reversed = 0x82F63B78;
    std::array<uint32_t, 256> table{};
    for (uint32_t i = 0; i < 256; ++i) {
        uint32_t c = i;
        for (int k = 0; k < 8; ++k) c = c & 1 ? (c >> 1) ^ reversed : c >> 1;
        table[i] = c;
    }
    return table;
}
constexpr std::array<uint32_t, 256> kTable = castagnoli_table();

double wall_seconds() {
    return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}
std::string host_name() {
    char name[256] = "";
    if (::gethostname(name, sizeof name - 1) != 0) return "host";
    return name;
}
}  // namespace

uint32_t crc32c(std::string_view bytes) {
    uint32_t c = ~uint32_t{0};
    for (const char b : bytes) c = kTable[(c ^ static_cast<unsigned char>(b)) & 0xFF] ^ (c >> 8);
    return ~c;
}
uint32_t masked_crc32c(std::string_view bytes) {
    constexpr uint32_t mask = 0xA282EAD8;
    return std::rotr(crc32c(bytes), 15) + mask;
}

Histogram histogram_of(int64_t n, const std::function<double(int64_t)>& at) {
    Histogram h;
    h.min = std::numeric_limits<double>::infinity(), h.max = -h.min;
    for (int64_t i = 0; i < n; ++i) {
        const double x = at(i);
        if (!std::isfinite(x)) continue;
        h.min = std::min(h.min, x), h.max = std::max(h.max, x);
        h.count += 1, h.sum += x, h.squares += x * x;
    }
    if (h.count == 0) return {};
    const int buckets = h.max > h.min ? kHistogramBuckets : 1;
    const double width = (h.max - h.min) / buckets;
    for (int k = 1; k < buckets; ++k) h.limits.push_back(h.min + width * k);
    h.limits.push_back(h.max);
    h.buckets.resize(h.limits.size());
    for (int64_t i = 0; i < n; ++i) {
        const double x = at(i);
        if (!std::isfinite(x)) continue;
        const double k = width > 0 ? (x - h.min) / width : 0;
        h.buckets[static_cast<size_t>(std::min<double>(k, buckets - 1))] += 1;
    }
    return h;
}

EventFile::EventFile(const std::string& folder) {
    static std::atomic<int> made{0};
    make_directories(folder);
    path_ = cat(folder, "/events.out.tfevents.", static_cast<int64_t>(wall_seconds()), ".", host_name(), ".", ::getpid(), ".", made++);
    fd_ = ::open(path_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC, 0644);
    if (fd_ < 0) fail(ErrorKind::io, "file.write", cat("cannot make the event file: ", std::strerror(errno)), "", path_);
    add(0, "brain.Event:2", {});
    flush();
}

EventFile::~EventFile() {
    try {
        flush();
    } catch (const Error&) {  // who wants to know calls flush
    }
    if (fd_ >= 0) ::close(fd_);
}

/// One record: an Event with the file's version (the first), or with a summary.
void EventFile::add(int64_t step, std::string_view version, std::string_view summary) {
    Message event;
    event.fixed64(kWallTime, wall_seconds());
    if (step) event.varint(kStep, static_cast<uint64_t>(step));
    if (!version.empty()) event.bytes(kFileVersion, version);
    else event.bytes(kSummary, summary);
    const std::string length = little_endian(static_cast<uint64_t>(event.text().size()));
    waiting_ += length + little_endian(masked_crc32c(length)) + event.text() + little_endian(masked_crc32c(event.text()));
    if (waiting_.size() >= kWaitingBytes || now_seconds() - flushed_ >= kWaitingSeconds) flush();
}

void EventFile::add_value(const std::string& tag, int64_t step, std::string_view value) {
    Message head;
    head.bytes(kTag, tag);
    add(step, {}, Message().bytes(kValue, head.text() + std::string(value)).text());
}

void EventFile::scalar(const std::string& tag, int64_t step, double value) {
    add_value(tag, step, Message().fixed32(kSimpleValue, static_cast<float>(value)).text());
}

void EventFile::histogram(const std::string& tag, int64_t step, const Histogram& h) {
    if (h.count == 0) return;
    Message m;
    m.fixed64(1, h.min).fixed64(2, h.max).fixed64(3, h.count).fixed64(4, h.sum).fixed64(5, h.squares).packed(6, h.limits).packed(7, h.buckets);
    add_value(tag, step, Message().bytes(kHisto, m.text()).text());
}

void EventFile::picture(const std::string& tag, int64_t step, const EventPicture& p) {
    Message m;
    m.varint(1, static_cast<uint64_t>(p.height)).varint(2, static_cast<uint64_t>(p.width)).varint(3, static_cast<uint64_t>(p.channels)).bytes(4, p.encoded);
    add_value(tag, step, Message().bytes(kImage, m.text()).text());
}

void EventFile::text(const std::string& tag, int64_t step, const std::string& text) {
    constexpr uint64_t string_type = 7;  // DT_STRING
    const std::string shape = Message().bytes(2, Message().varint(1, 1).text()).text();
    const std::string tensor = Message().varint(1, string_type).bytes(2, shape).bytes(8, text).text();
    const std::string plugin = Message().bytes(1, Message().bytes(1, "text").text()).text();
    add_value(tag, step, Message().bytes(kTensor, tensor).bytes(kMetadata, plugin).text());
}

void EventFile::flush() {
    flushed_ = now_seconds();
    if (waiting_.empty()) return;
    const ssize_t wrote = ::write(fd_, waiting_.data(), waiting_.size());
    if (wrote == static_cast<ssize_t>(waiting_.size())) {
        size_ += wrote;
        waiting_.clear();
        return;
    }
    const int error = wrote < 0 ? errno : ENOSPC;
    if (::ftruncate(fd_, size_) != 0) { /* TensorBoard stops reading at the torn record */
    }
    waiting_.clear();
    fail(ErrorKind::io, "file.write", cat("cannot append: ", std::strerror(error)), "Free some space.", path_);
}

}  // namespace hone::record
