// SPDX-License-Identifier: Apache-2.0
// `hone new`: fresh networks as ONNX files, to be trained.
#include <algorithm>
#include <memory>

#include "base/error.h"
#include "base/file.h"
#include "base/thread_pool.h"
#include "base/timing.h"
#include "cli/verb.h"
#include "onnx/writer.h"
#include "record/json.h"
#include "record/new.h"
#include "record/table.h"
#include "zoo/zoo.h"

namespace hone::cli {

namespace {
struct NewArgs {
    std::string architecture, stem = "auto";
    std::optional<int64_t> classes, depth;
    bool list = false;
    zoo::Request request;
};

Dims parse_input(const std::string& s) {
    Dims dims;
    for (size_t at = 0; at <= s.size();) {
        const size_t end = std::min(s.find('x', at), s.size());
        const std::string word = s.substr(at, end - at);
        constexpr size_t most_digits = 9;
        if (word.empty() || word.size() > most_digits || word.find_first_not_of("0123456789") != std::string::npos)
            fail(ErrorKind::usage, "usage.value", cat("--input takes CxHxW, got '", s, "'"), "For example 3x224x224.");
        dims.push_back(std::stoll(word));
        at = end + 1;
    }
    return dims;
}

std::string dims_text(const Dims& dims) {
    std::vector<std::string> words;
    for (int64_t d : dims) words.push_back(cat(d));
    return join(words, "x");
}

std::string list_text() {
    constexpr size_t column = 14;
    std::string s;
    for (const zoo::Architecture& a : zoo::architectures()) {
        std::string name = "  " + a.name;
        name.resize(std::max(column, name.size() + 1), ' ');
        s += cat(name, a.help, "\n", std::string(column, ' '), "takes --input --", join(a.options, " --"), "\n");
    }
    return s;
}

void refuse_options_not_taken(const zoo::Architecture& a, Call& call) {
    for (const zoo::OptionHelp& o : zoo::option_helps()) {
        const std::string name = o.name;
        if (!call.options.given(name) || a.takes(name)) continue;
        if (name == "classes") {
            call.warn(cat(a.name, " has no classes: --classes is not used"));
            continue;
        }
        std::vector<std::string> takers;
        for (const zoo::Architecture& other : zoo::architectures())
            if (other.takes(name)) takers.push_back(other.name);
        fail(ErrorKind::usage, "new.option", cat(a.name, " takes no --", name),
             cat("It takes --", join(a.options, ", --"), "; --", name, " is an option of ", join(takers, ", "), "."));
    }
}

/// net.onnx, or net_generator.onnx.
std::string path_of(const std::string& out, const std::string& part) {
    if (part.empty()) return out;
    const std::string ending = ".onnx";
    return out.ends_with(ending) ? cat(out.substr(0, out.size() - ending.size()), "_", part, ending) : cat(out, "_", part);
}

int run_new(NewArgs& a, Call& call) {
    record::New record;
    if (a.list) {
        for (const zoo::Architecture& one : zoo::architectures()) record.architectures.push_back({one.name, one.help, one.options});
        call.emit(record::to_json(record), list_text(), "");
        return 0;
    }
    if (a.architecture.empty())
        fail(ErrorKind::usage, "usage.missing", "`hone new` needs ARCH, the architecture", "hone new --list tells them.");
    const zoo::Architecture& architecture = zoo::find_architecture(a.architecture);
    refuse_options_not_taken(architecture, call);
    for (const char* needed : {"input", "classes", "out"})
        if (!call.options.given(needed) && (needed != std::string("classes") || architecture.takes(needed)))
            fail(ErrorKind::usage, "usage.missing", cat("`hone new ", a.architecture, "` needs --", needed),
                 cat("For example: hone new ", a.architecture, " --input 1x28x28", architecture.takes("classes") ? " --classes 10" : "",
                     " --out net.onnx"));
    a.request.classes = a.classes.value_or(0);
    a.request.depth = a.depth.value_or(0);
    a.request.stem = a.stem == "imagenet" ? zoo::Stem::imagenet : a.stem == "cifar" ? zoo::Stem::cifar : zoo::Stem::by_size;
    a.request.seed = call.common.seed;
    ThreadPool pool(call.common.threads);
    ThreadPool::Use use(&pool);
    record.architecture = a.architecture;
    std::string text;
    for (const zoo::Network& n : zoo::make_networks(a.architecture, a.request)) {
        const std::string path = path_of(call.common.out, n.part);
        write_model(n.graph, path);
        const auto bytes = static_cast<int64_t>(map_file(path).size);
        record.files.push_back({absolute_path(path), n.part, n.parameters, bytes});
        text += cat("wrote ", path, ": ", n.graph.name, ", ", record::count_text(n.parameters), " parameters, ",
                    human_bytes(static_cast<double>(bytes)), "\n");
    }
    record.warnings = call.warnings;
    call.emit(record::to_json(record), text, "");
    return 0;
}
}  // namespace

Verb new_verb() {
    auto a = std::make_shared<NewArgs>();
    Verb v;
    v.name = "new";
    v.summary = "writes a fresh ONNX network: random weights, to be trained";
    v.examples = {{"hone new resnet --depth 20 --input 1x28x28 --classes 10 --out resnet20.onnx", "for small pictures"},
                  {"hone new mobilenetv2 --input 3x224x224 --classes 1000 --width 0.5 --seed 7 --out net.onnx", "half as wide, other weights"},
                  {"hone new lstm --input 32 --vocabulary 5000 --classes 4 --out texts.onnx", "for texts of 32 words of at most 5,000 different ones"},
                  {"hone new --list", "the architectures and what each takes"}};
    v.notes = "Architectures:\n" + list_text();
    v.out_is_file = true;
    v.declare = [a](Options& o) {
        const auto help = [](const std::string& name) -> std::string {
            for (const zoo::OptionHelp& h : zoo::option_helps())
                if (name == h.name) return h.help;
            HONE_CHECK(false, name);
        };
        o.positional("ARCH", a->architecture, "the architecture");
        o.custom("input", "CxHxW", "what the network sees: channels, height, width; TxF for a series; a length for rows of a table, or for texts (rnn, lstm, gru)", [a](const std::string& s) { a->request.input = parse_input(s); },
                 [a] { return dims_text(a->request.input); });
        o.add("classes", "N", a->classes, help("classes")).at_least(1);
        o.add("width", "X", a->request.width, help("width"));
        o.add("depth", "N", a->depth, help("depth")).at_least(1);
        o.add("stem", "KIND", a->stem, help("stem")).one_of({"auto", "imagenet", "cifar"});
        o.flag("batch-norm", a->request.batch_norm, help("batch-norm"));
        o.add("dropout", "X", a->request.dropout, help("dropout")).at_least(0);
        o.add("embedding", "N", a->request.embedding, help("embedding")).at_least(1);
        o.add("vocabulary", "N", a->request.vocabulary, help("vocabulary")).at_least(1);
        o.add("text-length", "N", a->request.text_length, help("text-length")).at_least(1);
        o.add("latent", "N", a->request.latent, help("latent")).at_least(1);
        o.flag("list", a->list, "print the architectures");
    };
    v.run = [a](Call& call) { return run_new(*a, call); };
    return v;
}

}  // namespace hone::cli
