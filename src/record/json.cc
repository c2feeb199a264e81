// SPDX-License-Identifier: Apache-2.0
#include "record/json.h"

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "record/bench.h"
#include "record/checkpoint.h"
#include "record/compare.h"
#include "record/doctor.h"
#include "record/eval.h"
#include "record/forecast.h"
#include "record/infer.h"
#include "record/inspect.h"
#include "record/journal.h"
#include "record/models.h"
#include "record/new.h"
#include "record/profile.h"
#include "record/runs.h"
#include "record/run.h"
#include "record/tensor_table.h"
#include "record/train.h"
#include "record/tune.h"
#include "record/visit.h"

namespace hone::record {
namespace {

using Json = nlohmann::ordered_json;

class JsonSink final : public Sink {
  public:
    void begin_object(std::string_view name) override { open(name, Json::object()); }
    void end_object() override { close(); }
    void begin_array(std::string_view name) override { open(name, Json::array()); }
    void end_array() override { close(); }
    void null(std::string_view name) override { put(name, nullptr); }
    void value(std::string_view name, bool v) override { put(name, v); }
    void value(std::string_view name, int64_t v) override { put(name, v); }
    void value(std::string_view name, double v) override { put(name, v); }
    void value(std::string_view name, std::string_view v) override { put(name, v); }
    /// `indent` -1: on one line.
    std::string text(int indent) const { return root_.dump(indent, ' ', false, Json::error_handler_t::replace); }

  private:
    void open(std::string_view name, Json j) { stack_.push_back(put(name, std::move(j))); }
    void close() { stack_.pop_back(); }
    Json* put(std::string_view name, Json j) {
        if (stack_.empty()) return &(root_ = std::move(j));
        Json& at = *stack_.back();
        if (at.is_array()) return &at.emplace_back(std::move(j));
        return &(at[std::string(name)] = std::move(j));
    }

    Json root_;
    std::vector<Json*> stack_;  // a parent never grows while its child is open
};

class JsonSource final : public Source {
  public:
    explicit JsonSource(const Json& root) : root_(root) {}
    Presence presence(Key key) override {
        if (stack_.empty()) return Presence::value;
        const Json* j = find(key);
        return !j ? Presence::absent : j->is_null() ? Presence::null : Presence::value;
    }
    void enter_object(Key key) override { enter(key, at(key).is_object(), "an object"); }
    int64_t enter_array(Key key) override {
        enter(key, at(key).is_array(), "an array");
        return static_cast<int64_t>(stack_.back()->size());
    }
    void leave() override {
        stack_.pop_back();
        path_.pop_back();
    }
    std::vector<std::string> names() override {
        std::vector<std::string> all;
        for (const auto& item : stack_.back()->items()) all.push_back(item.key());
        return all;
    }
    void read(Key key, bool& v) override { v = expect(key, at(key).is_boolean(), "true or false").get<bool>(); }
    void read(Key key, int64_t& v) override {
        const Json& j = at(key);
        const bool fits =
            j.is_number_integer() && (!j.is_number_unsigned() || j.get<uint64_t>() <= uint64_t{INT64_MAX});
        v = expect(key, fits, "an integer").get<int64_t>();
    }
    void read(Key key, double& v) override { v = expect(key, at(key).is_number(), "a number").get<double>(); }
    void read(Key key, std::string& v) override { v = expect(key, at(key).is_string(), "text").get<std::string>(); }

  private:
    const Json* find(Key key) const {
        const Json& j = *stack_.back();
        if (key.index >= 0) return &j[static_cast<size_t>(key.index)];
        const auto found = j.find(key.name);
        return found == j.end() ? nullptr : &*found;
    }
    const Json& at(Key key) const { return stack_.empty() ? root_ : *find(key); }
    const Json& expect(Key key, bool ok, const char* what) const {
        if (ok) return at(key);
        std::vector<std::string> where = path_;
        if (where.size() == stack_.size()) where.push_back(label(key));
        fail(ErrorKind::data, "record.type", cat("expected ", what, ", got ", at(key).type_name()),
             "the file was not written by this version of hone, or was edited", join(where, ""));
    }
    void enter(Key key, bool ok, const char* what) {
        path_.push_back(label(key));
        stack_.push_back(&expect(key, ok, what));
    }
    std::string label(Key key) const {
        if (key.index >= 0) return cat("[", key.index, "]");
        return stack_.size() < 2 ? std::string(key.name) : cat(".", key.name);
    }

    const Json& root_;
    std::vector<const Json*> stack_;
    std::vector<std::string> path_;
};

template <class T>
std::string text_of(const T& record, int indent = 1) {
    JsonSink sink;
    Write{sink}("", record);
    return sink.text(indent);
}

template <class T>
T record_of(std::string_view text) {
    const Json root = Json::parse(text, nullptr, false);
    if (root.is_discarded())
        fail(ErrorKind::data, "record.json", "this is not JSON", cat("expected a record of schema ", T::schema));
    const Json* schema = root.is_object() && root.contains("schema") ? &root["schema"] : nullptr;
    if (!schema || *schema != T::schema)
        fail(ErrorKind::data, "record.schema",
             cat("expected schema ", T::schema, ", got ",
                 schema && schema->is_string() ? schema->get<std::string>() : "none"));
    JsonSource source(root);
    T record;
    Read{source}("", record);
    return record;
}

}  // namespace

std::string to_json(const Eval& r) { return text_of(r); }
std::string to_json(const Bench& r) { return text_of(r); }
std::string to_json(const BenchSuite& r) { return text_of(r); }
std::string to_json(const Inspect& r) { return text_of(r); }
std::string to_json(const InspectModels& r) { return text_of(r); }
std::string to_json(const Profile& r) { return text_of(r); }
std::string to_json(const Trace& r) { return text_of(r); }
std::string to_json(const Doctor& r) { return text_of(r); }
std::string to_json(const Infer& r) { return text_of(r); }
std::string to_json(const New& r) { return text_of(r); }
std::string to_json(const Compare& r) { return text_of(r); }
std::string to_json(const Forecast& r) { return text_of(r); }
std::string to_json(const Run& r) { return text_of(r); }
std::string to_json(const Runs& r) { return text_of(r); }
std::string to_json(const Tune& r) { return text_of(r); }
std::string to_json(const Train& r) { return text_of(r); }
std::string to_json(const Checkpoint& r) { return text_of(r); }

std::string to_json_line(const JournalEntry& e) { return text_of(e, -1); }

Run run_from_json(std::string_view text) { return record_of<Run>(text); }
Bench bench_from_json(std::string_view text) { return record_of<Bench>(text); }
Doctor doctor_from_json(std::string_view text) { return record_of<Doctor>(text); }
Checkpoint checkpoint_from_json(std::string_view text) { return record_of<Checkpoint>(text); }
JournalEntry journal_entry_from_json(std::string_view line) { return record_of<JournalEntry>(line); }

namespace {
constexpr std::string_view kMetadata = "__metadata__";
}

std::string to_json(const TensorTable& t) {
    JsonSink sink;
    Write write{sink};
    sink.begin_object("");
    if (!t.metadata.empty()) write.field(kMetadata, t.metadata);
    for (const auto& [name, e] : t.tensors) write.field(name, e);
    sink.end_object();
    return sink.text(-1);
}

TensorTable tensor_table_from_json(std::string_view text) {
    const Json root = Json::parse(text, nullptr, false);
    if (!root.is_object()) fail(ErrorKind::data, "record.json", "this is no JSON object");
    JsonSource source(root);
    Read read{source};
    TensorTable t;
    source.enter_object({""});
    for (const std::string& name : source.names()) {
        if (name == kMetadata) read.field({name}, t.metadata);
        else read.field({name}, t.tensors.emplace_back(name, TensorEntry{}).second);
    }
    source.leave();
    return t;
}

}  // namespace hone::record
