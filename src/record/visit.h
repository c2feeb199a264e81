// SPDX-License-Identifier: Apache-2.0
// Walks the field list of a record into a Sink or out of a Source. Included by the .cc files that make JSON and tables.
//
//   Write{sink}.field("", eval);
//   Read{source}.field({"run"}, run);
#pragma once
#include <limits>
#include <optional>
#include <type_traits>

#include "base/timing.h"
#include "record/common.h"
#include "record/sink.h"

namespace hone::record {

template <class T>
constexpr bool is_pairs = std::is_same_v<T, Numbers> || std::is_same_v<T, Texts>;

template <class S, class V>
void visit_fields(S& s, V& v) {
    using T = std::remove_const_t<S>;
    if constexpr (std::is_same_v<T, Latency>) {
        v("min", s.min);
        v("p50", s.p50);
        v("p99", s.p99);
    } else {
        T::visit(s, v);
    }
}

struct Write {
    Sink& sink;
    template <class T>
    void operator()(std::string_view name, const T& x) {
        field(name, x);
    }
    void field(std::string_view name, bool x) { sink.value(name, x); }
    void field(std::string_view name, int64_t x) { sink.value(name, x); }
    void field(std::string_view name, double x) { sink.value(name, x); }
    void field(std::string_view name, const std::string& x) { sink.value(name, std::string_view(x)); }
    template <class T>
    void field(std::string_view name, const std::optional<T>& x) {
        if (x)
            field(name, *x);
        else
            sink.null(name);
    }
    template <class T>
    void field(std::string_view name, const std::vector<T>& x) {
        if constexpr (is_pairs<std::vector<T>>) {
            sink.begin_object(name);
            for (const auto& [key, value] : x) field(key, value);
            sink.end_object();
        } else {
            sink.begin_array(name);
            for (const T& item : x) field("", item);
            sink.end_array();
        }
    }
    template <class T>
    requires std::is_class_v<T>
    void field(std::string_view name, const T& x) {
        sink.begin_object(name);
        if constexpr (requires { T::schema; }) sink.value("schema", std::string_view(T::schema));
        visit_fields(x, *this);
        sink.end_object();
    }
};

struct Read {
    Source& source;
    template <class T>
    void operator()(std::string_view name, T& x) {
        field({name}, x);
    }
    template <class T>
    void field(Key key, T& x) {
        const Presence there = source.presence(key);
        if (there == Presence::value) take(key, x);
        if (there == Presence::null) clear(x);
    }

  private:
    static void clear(double& x) { x = std::numeric_limits<double>::quiet_NaN(); }
    template <class T>
    static void clear(std::optional<T>& x) {
        x.reset();
    }
    template <class T>
    static void clear(T&) {}
    void take(Key key, bool& x) { source.read(key, x); }
    void take(Key key, int64_t& x) { source.read(key, x); }
    void take(Key key, double& x) { source.read(key, x); }
    void take(Key key, std::string& x) { source.read(key, x); }
    template <class T>
    void take(Key key, std::optional<T>& x) {
        take(key, x.emplace());
    }
    template <class T>
    void take(Key key, std::vector<T>& x) {
        x.clear();
        if constexpr (is_pairs<std::vector<T>>) {
            source.enter_object(key);
            for (const std::string& name : source.names())
                field({name}, x.emplace_back(name, typename T::second_type{}).second);
        } else {
            const int64_t count = source.enter_array(key);
            for (int64_t i = 0; i < count; ++i) field({{}, i}, x.emplace_back());
        }
        source.leave();
    }
    template <class T>
    requires std::is_class_v<T>
    void take(Key key, T& x) {
        source.enter_object(key);
        visit_fields(x, *this);
        source.leave();
    }
};

}  // namespace hone::record
