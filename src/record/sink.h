// SPDX-License-Identifier: Apache-2.0
// Where a record goes and where it comes from. A struct lists its fields once (`visit`); JSON and tables are sinks of
// that list, parsed JSON is a source. Called by record/visit.h, never by hand.
//
//   sink.begin_object("latency_ms");
//   sink.value("p50", 1.25);
//   sink.end_object();
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace hone::record {

/// Names are empty for the elements of an array.
class Sink {
  public:
    virtual ~Sink() = default;
    virtual void begin_object(std::string_view name) = 0;
    virtual void end_object() = 0;
    virtual void begin_array(std::string_view name) = 0;
    virtual void end_array() = 0;
    virtual void null(std::string_view name) = 0;
    virtual void value(std::string_view name, bool v) = 0;
    virtual void value(std::string_view name, int64_t v) = 0;
    virtual void value(std::string_view name, double v) = 0;
    virtual void value(std::string_view name, std::string_view v) = 0;
};

/// Field of an object (`index` < 0) or element of an array.
struct Key {
    std::string_view name;
    int64_t index = -1;
};

enum class Presence { absent, null, value };

/// An absent field leaves the reader's default, null too, but a double becomes NaN and an optional empty. A wrong type
/// is an Error {data, "record.type"} that names the field.
class Source {
  public:
    virtual ~Source() = default;
    virtual Presence presence(Key key) = 0;
    virtual void enter_object(Key key) = 0;
    virtual int64_t enter_array(Key key) = 0;  ///< its length
    virtual void leave() = 0;
    virtual std::vector<std::string> names() = 0;  ///< fields of the object entered last, in file order
    virtual void read(Key key, bool& v) = 0;
    virtual void read(Key key, int64_t& v) = 0;
    virtual void read(Key key, double& v) = 0;
    virtual void read(Key key, std::string& v) = 0;
};

}  // namespace hone::record
