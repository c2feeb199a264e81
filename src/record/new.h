// SPDX-License-Identifier: Apache-2.0
// `hone new --json`: hone.new/1: the files of a fresh network, or with --list the architectures there are. Made by the verb
// `new`.
//
//   record::New n;
//   n.files.push_back({.file = "/tmp/net.onnx", .parameters = 11689512, .bytes = 46800000});
#pragma once
#include "record/common.h"

namespace hone::record {

struct NewFile {
    std::string file{};        ///< absolute
    std::string part{};        ///< of an architecture of several files: "generator"
    int64_t parameters = 0;    ///< what is trained
    int64_t bytes = 0;
    template <class S, class V>
    static void visit(S& s, V& v) {
        v("file", s.file);
        v("part", s.part);
        v("parameters", s.parameters);
        v("bytes", s.bytes);
    }
};

struct NewArchitecture {
    std::string name{}, help{};
    std::vector<std::string> options{};
    template <class S, class V>
    static void visit(S& s, V& v) {
        v("name", s.name);
        v("help", s.help);
        v("options", s.options);
    }
};

struct New {
    static constexpr const char* schema = "hone.new/1";
    std::string architecture{};
    std::vector<NewFile> files{};
    std::vector<NewArchitecture> architectures{};  ///< of --list
    std::vector<std::string> warnings{};
    template <class S, class V>
    static void visit(S& s, V& v) {
        v("architecture", s.architecture);
        v("files", s.files);
        v("architectures", s.architectures);
        v("warnings", s.warnings);
    }
};

}  // namespace hone::record
