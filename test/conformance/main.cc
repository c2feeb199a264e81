// SPDX-License-Identifier: Apache-2.0
// Runs the ONNX backend tests: conformance [FOLDER] [--verbose] [--references] [--filter SUBSTR]. A case is a folder that holds a
// model.onnx; it passes when every output of every test_data_set_* is as expected. `unsupported` is only what is refused
// as such before anything runs (by plan and session, or with --references by every operator's reference); `random` has no expected values, its shapes and types are checked. Exit 0 when nothing
// is wrong.
#include <algorithm>
#include <cstdio>
#include <cstring>
#include <map>

#include "base/file.h"
#include "conformance/compare.h"
#include "onnx/reader.h"
#include "op/op.h"
#include "run/session.h"

using namespace hone;

namespace {

enum Verdict { kPassed, kUnsupported, kWrong, kRandom, kVerdicts };
constexpr const char* kNames[] = {"passed", "unsupported", "wrong", "random"};
struct Result {
    Verdict verdict = kPassed;
    std::string why;
};
struct Tally {
    int count[kVerdicts] = {};
    std::map<std::string, int> reasons;  ///< of unsupported
};

/// What may refuse a case as unsupported: everything up to the first kernel. Four cases of CastLike come with data that
/// contradict the declared shape of their input `like`; the data count.
std::shared_ptr<const Plan> prepare(Graph g, const std::vector<Tensor>& inputs, bool references) {
    std::vector<Dims> dims;
    for (size_t i = 0; i < inputs.size(); ++i) {
        TypeInfo& declared = g.value(g.inputs[i]).type;
        dims.push_back(inputs[i].dims());
        if (is_static(declared.shape) && shape_of(dims[i]) != declared.shape) declared = TypeInfo::tensor(declared.dtype);
    }
    PlanOptions o;
    o.references = references;
    return make_plan(g, dims, o);
}
/// NumPy has no bf16, so that the tests' data files hold its bits as u16.
Tensor as_declared(const Tensor& t, DType declared) {
    if (t.dtype() != DType::u16 || declared != DType::bf16) return t;
    return Tensor::view(DType::bf16, t.dims(), t.raw(), t.owner());
}
/// input_0.pb, input_1.pb ... by their names where these are the graph's, else in order.
std::vector<Tensor> read_inputs(const Graph& g, const std::string& folder) {
    std::vector<Tensor> out(g.inputs.size());
    size_t next = 0;
    for (int i = 0; file_exists(cat(folder, "/input_", i, ".pb")); ++i) {
        std::string name;
        Tensor t = read_tensor_file(cat(folder, "/input_", i, ".pb"), &name);
        const ValueId v = g.find_value(name);
        const auto it = v == kNone ? g.inputs.end() : std::find(g.inputs.begin(), g.inputs.end(), v);
        size_t at = static_cast<size_t>(it - g.inputs.begin());
        if (it == g.inputs.end()) {
            while (next < out.size() && out[next].defined()) ++next;
            at = next;
        }
        if (at >= out.size()) fail(ErrorKind::data, "case.inputs", "more inputs than the graph has", "", folder);
        out[at] = as_declared(t, g.value(g.inputs[at]).type.dtype);
        if (const DType is = out[at].dtype(), takes = g.value(g.inputs[at]).type.dtype; is != takes)
            fail(ErrorKind::data, "case.inputs", cat("input '", name, "' takes ", dtype_name(takes), "; got ", dtype_name(is)), "", folder);
    }
    for (size_t i = 0; i < out.size(); ++i)
        if (!out[i].defined()) fail(ErrorKind::data, "case.inputs", cat("no data for input '", g.value(g.inputs[i]).name, "'"), "", folder);
    return out;
}

bool is_random(const Graph& g, const std::vector<Tensor>& inputs) {
    auto scalar = [&](ValueId v, double fallback) {
        if (v == kNone) return fallback;
        const auto it = std::find(g.inputs.begin(), g.inputs.end(), v);
        const Tensor& t = it == g.inputs.end() ? g.value(v).constant : inputs[static_cast<size_t>(it - g.inputs.begin())];
        return t.defined() && t.count() == 1 ? t.at(0) : fallback;
    };
    for (NodeId id : g.order()) {
        const Node& n = g.node(id);
        if (find_op(n.domain, n.op)->random && !n.is("Dropout")) return true;
        if (n.is("Dropout") && scalar(n.in(2), 0) != 0 && scalar(n.in(1), .5) > 0) return true;
    }
    return false;
}

Result check_outputs(const Graph& g, const std::vector<Tensor>& got, const std::string& set, bool random) {
    size_t k = 0;
    for (; file_exists(cat(set, "/output_", static_cast<unsigned long>(k), ".pb")); ++k) {
        if (k >= got.size()) return {kWrong, "fewer outputs than expected"};
        const Tensor file = read_tensor_file(cat(set, "/output_", static_cast<unsigned long>(k), ".pb"));
        const Tensor want = as_declared(file, g.value(g.outputs[k]).type.dtype);
        const std::string why = conformance::difference(got[k], want, !random);
        if (!why.empty()) return {kWrong, cat("output '", g.value(g.outputs[k]).name, "' ", why)};
    }
    if (k != got.size()) return {kWrong, cat(static_cast<unsigned long>(got.size()), " outputs; expected ", static_cast<unsigned long>(k))};
    return {random ? kRandom : kPassed, ""};
}

Result run_set(const Graph& g, const std::string& set, bool references) {
    const std::vector<Tensor> inputs = read_inputs(g, set);
    std::shared_ptr<const Plan> plan;
    try {
        plan = prepare(g, inputs, references);
    } catch (const Error& e) {
        if (e.kind == ErrorKind::unsupported) return {kUnsupported, e.message};
        throw;
    }
    Session session(plan, nullptr);
    return check_outputs(g, session.run(inputs), set, is_random(g, inputs));
}

Result run_case(const std::string& folder, bool references) {
    Graph g;
    try {
        g = read_model(folder + "/model.onnx");
    } catch (const Error& e) {
        return {e.kind == ErrorKind::unsupported ? kUnsupported : kWrong, e.kind == ErrorKind::unsupported ? e.message : e.what()};
    }
    Result all;
    int sets = 0;
    try {
        for (const std::string& name : list_directory(folder)) {
            if (!name.starts_with("test_data_set_")) continue;
            ++sets;
            const Result r = run_set(g, cat(folder, "/", name), references);
            if (r.verdict == kWrong) return r;
            if (r.verdict != kPassed) all = r;
        }
    } catch (const std::exception& e) {
        return {kWrong, e.what()};
    }
    if (!sets) return {kWrong, "no test_data_set_*"};
    return all;
}

void find_cases(const std::string& folder, std::vector<std::string>& out) {
    if (file_exists(folder + "/model.onnx")) out.push_back(folder);
    for (const std::string& name : list_directory(folder))
        if (!name.starts_with("test_data_set_") && is_directory(cat(folder, "/", name))) find_cases(cat(folder, "/", name), out);
}

std::string group_of(const std::string& folder) {
    try {
        const auto ops = count_operators(folder + "/model.onnx");
        return ops.size() == 1 ? ops.begin()->first : ops.empty() ? "(no operator)" : "(several operators)";
    } catch (const Error&) {
        return "(unreadable)";
    }
}

void print_group(const std::string& name, const Tally& t) {
    std::printf("%-28s", name.c_str());
    for (int v = 0; v < kVerdicts; ++v)
        if (t.count[v]) std::printf(" %s %d", kNames[v], t.count[v]);
    std::printf("\n");
    for (const auto& [why, n] : t.reasons) std::printf("    unsupported x%d: %s\n", n, why.c_str());
}

int conform(const std::string& root, bool verbose, const std::string& filter, bool references) {
    std::vector<std::string> cases;
    find_cases(root, cases);
    std::map<std::string, Tally> groups;
    Tally all;
    for (const std::string& folder : cases) {
        if (folder.find(filter) == std::string::npos) continue;
        const Result r = run_case(folder, references);
        Tally& t = groups[group_of(folder)];
        ++t.count[r.verdict], ++all.count[r.verdict];
        if (r.verdict == kUnsupported) ++t.reasons[r.why];
        if (verbose || r.verdict == kWrong) {
            std::printf("%-12s%s%s%s\n", kNames[r.verdict], folder.c_str() + std::min(root.size() + 1, folder.size()), r.why.empty() ? "" : ": ", r.why.c_str());
            std::fflush(stdout);
        }
    }
    for (const auto& [name, t] : groups) print_group(name, t);
    if (conformance::bf16_steps())
        std::printf("%lld bf16 elements differ by one step of bf16, which is more than rtol: these data truncate, the standard rounds\n",
                    static_cast<long long>(conformance::bf16_steps()));
    std::printf("passed %d, unsupported %d, wrong %d, random %d\n", all.count[0], all.count[1], all.count[2], all.count[3]);
    return all.count[kWrong] ? 1 : 0;
}

}  // namespace

int main(int argc, char** argv) {
    std::string folder = "/usr/share/libonnx-testdata/data", filter;
    bool verbose = false, references = false;
    for (int i = 1; i < argc; ++i) {
        if (!std::strcmp(argv[i], "--verbose")) verbose = true;
        else if (!std::strcmp(argv[i], "--references")) references = true;
        else if (!std::strcmp(argv[i], "--filter") && i + 1 < argc) filter = argv[++i];
        else if (argv[i][0] != '-') folder = argv[i];
        else return std::fprintf(stderr, "conformance [FOLDER] [--verbose] [--references] [--filter SUBSTR]\n"), 2;
    }
    try {
        return conform(folder, verbose, filter, references);
    } catch (const Error& e) {
        std::fprintf(stderr, "%s\nThe tests come with Debian's libonnx-testdata.\n", e.what());
        return e.exit_code();
    }
}
