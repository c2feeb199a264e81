// SPDX-License-Identifier: Apache-2.0
// The bytes of a plan file's structure: numbers and texts written and read in order, every read held against what is
// left. Used by plan_file.cc and graph_image.cc.
#pragma once
#include <cstring>
#include <functional>
#include <string>
#include <string_view>
#include <type_traits>

#include "graph/graph.h"

namespace hone::image {

class Out {
  public:
    template <class T>
    void put(T v) {
        static_assert(std::is_arithmetic_v<T> || std::is_enum_v<T>);
        bytes_.append(reinterpret_cast<const char*>(&v), sizeof v);
    }
    void text(std::string_view s) {
        put<uint64_t>(s.size());
        bytes_.append(s);
    }
    const std::string& bytes() const { return bytes_; }

  private:
    std::string bytes_;
};

/// What a reader throws; the plan is chosen again then.
[[noreturn]] inline void bad(const std::string& what) { fail(ErrorKind::data, "plan.file", what); }

class In {
  public:
    explicit In(std::string_view bytes) : left_(bytes) {}
    template <class T>
    T get() {
        static_assert(std::is_arithmetic_v<T>);
        if (left_.size() < sizeof(T)) bad("it ends in the middle");
        T v;
        std::memcpy(&v, left_.data(), sizeof v);
        left_.remove_prefix(sizeof v);
        return v;
    }
    /// A count of things of which each takes at least `least` bytes.
    size_t count(size_t least) {
        const uint64_t n = get<uint64_t>();
        if (n > left_.size() / least) bad("it holds a count that is too large");
        return static_cast<size_t>(n);
    }
    std::string text() {
        const size_t n = count(1);
        std::string s(left_.substr(0, n));
        left_.remove_prefix(n);
        return s;
    }
    /// A number in [least, most].
    template <class T>
    T in_range(T least, T most) {
        const T v = get<T>();
        if (v < least || v > most) bad("it holds a number out of range");
        return v;
    }
    bool done() const { return left_.empty(); }

  private:
    std::string_view left_;
};

/// Where the data of constants goes and comes from.
struct Blobs {
    /// The index of the data; -1: only dims and type are kept (packed elsewhere).
    std::function<int64_t(const Tensor&, ValueId)> keep;
    /// The data of an index, of this many bytes; -1: zeros that may be read.
    std::function<Tensor(int64_t index, DType, Dims)> find;
};

/// False (nothing written) for a graph that an image cannot hold: strings as tensors, subgraphs other than the body of a hone.Chain, sequences.
bool writable(const Graph& g);
void write_graph(Out& out, const Graph& g, const Blobs& blobs);
/// Structure, attributes and types are checked as a model's are: types are inferred again and must be what was written.
Graph read_graph(In& in, const Blobs& blobs);

}  // namespace hone::image
