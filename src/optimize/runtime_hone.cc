// SPDX-License-Identifier: Apache-2.0
#include "base/cpu.h"
#include "base/error.h"
#include "optimize/runtime.h"

namespace hone {

namespace {

class HoneRuntime final : public Runtime {
  public:
    explicit HoneRuntime(RuntimeOptions o) : options_(std::move(o)) {}
    std::string name() const override { return "hone"; }
    bool permits(Precision p) const override { return p == Precision::fp32 || usable_isa() >= Isa::avx512_bf16; }
    bool profiles() const override { return true; }

    eval::Answers answers(const RuntimeModel& m, const Dataset& data) override {
        eval::EvalOptions o;
        o.threads = options_.threads;
        o.precision = m.precision;
        o.progress = "judging";
        o.keep_logits = options_.scores;
        return eval::answer(*m.graph, data, o);
    }

    eval::TimedBlock times(const RuntimeModel& a, const RuntimeModel& b) override {
        ThreadPool pool(options_.threads);
        std::vector<Session> sessions;
        for (const RuntimeModel* m : {&a, &b}) {
            PlanOptions o;
            o.threads = options_.threads;
            o.precision = m->precision;
            sessions.emplace_back(make_plan(*m->graph, eval::synthetic_dims(*m->graph, options_.batch), o), &pool);
        }
        const std::vector<Tensor> x = eval::synthetic_inputs(*a.graph, options_.batch);
        eval::TimingOptions o;
        o.runs = 60;
        o.min_seconds = 0.4;
        o.max_seconds = 10;
        eval::TimedBlock block;
        eval::time_interleaved(sessions[0], x, &sessions[1], x, o, block);
        return block;
    }

    eval::PairTiming pair(const eval::TimedModel& a, const eval::TimedModel& b, int processes) override {
        eval::TimingOptions o;
        o.threads = options_.threads;
        o.batch = options_.batch;
        o.processes = processes;
        o.program = options_.program;
        o.min_seconds = 0.5;
        return eval::time_pair(a, &b, o);
    }

  private:
    RuntimeOptions options_;
};

}  // namespace

std::unique_ptr<Runtime> open_hone_runtime(const RuntimeOptions& options) { return std::make_unique<HoneRuntime>(options); }

std::unique_ptr<Runtime> open_runtime(const std::string& name, const RuntimeOptions& options) {
    if (name == "hone") return open_hone_runtime(options);
    if (name == "onnxruntime" || name == "openvino") return open_peer_runtime(name, options);
    fail(ErrorKind::usage, "runtime.unknown", cat("unknown runtime '", name, "'"), "Known: hone, onnxruntime, openvino.");
}

}  // namespace hone
