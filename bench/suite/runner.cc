// SPDX-License-Identifier: Apache-2.0
#include "suite/runner.h"

#include <chrono>
#include <thread>

#include "base/cpu.h"
#include "base/error.h"
#include "eval/latency.h"
#include "eval/peer.h"
#include "onnx/reader.h"
#include "run/tune.h"

namespace hone::suite {
namespace {

constexpr auto spinning_stops = std::chrono::milliseconds(20);

class HoneRunner : public Runner {
  public:
    HoneRunner(const Entry& e, ThreadPool& pool, std::vector<Tensor> inputs) : inputs_(std::move(inputs)) {
        PlanOptions o;
        o.threads = pool.threads();
        o.precision = eval::precision_from_name(e.precision);
        std::vector<Dims> dims;
        for (const Tensor& t : inputs_) dims.push_back(t.dims());
        const Graph g = read_model(e.path);
        if (!e.tuned) {
            session_ = std::make_unique<Session>(make_plan(g, dims, o), &pool);
            return;
        }
        record::Journal journal = record::Journal::open(e.path + ".tune.jsonl", record::machine_key());
        session_ = std::make_unique<Session>(tune_plan(g, dims, o, &pool, journal).plan, &pool);
    }
    std::vector<double> run(int n) override {
        std::vector<double> ms;
        for (int i = 0; i < n; ++i) {
            const double start = now_seconds();
            session_->execute(inputs_);
            ms.push_back((now_seconds() - start) * 1e3);
        }
        return ms;
    }
    std::vector<Tensor> outputs() override { return session_->run(inputs_); }

  private:
    std::vector<Tensor> inputs_;
    std::unique_ptr<Session> session_;
};

class PeerRunner : public Runner {
  public:
    PeerRunner(const Entry& e, const ContestOptions& o, const std::vector<Tensor>& inputs)
        : peer_({.engine = e.engine,
                 .model = e.path,
                 .threads = o.threads,
                 .precision = e.precision == "bf16" ? "bf16" : "f32",
                 .spin = e.spin,
                 .root = o.root}),
          spins_(e.spin && o.threads > 1) {
        if (peer_.inputs().size() != inputs.size())
            fail(ErrorKind::model, "bench.inputs",
                 cat(peer_.inputs().size(), " inputs where the first model has ", inputs.size()));
        for (size_t i = 0; i < inputs.size(); ++i) peer_.set_input(peer_.inputs()[i].name, inputs[i]);
    }
    std::vector<double> run(int n) override { return peer_.run(n); }
    void rest() override {
        if (spins_) std::this_thread::sleep_for(spinning_stops);
    }
    std::vector<Tensor> outputs() override { return peer_.outputs(); }
    std::string version() const override { return peer_.version(); }

  private:
    eval::Peer peer_;
    bool spins_;
};

}  // namespace

std::unique_ptr<Runner> make_runner(const Entry& e, const ContestOptions& o, ThreadPool& pool,
                                    const std::vector<Tensor>& inputs) {
    if (e.precision == "bf16" && usable_isa() < Isa::avx512_bf16)  // OpenVINO would run fp32 without a word
        fail(ErrorKind::unsupported, "bench.bf16", "this processor has no bf16");
    if (e.engine == "hone") return std::make_unique<HoneRunner>(e, pool, inputs);
    return std::make_unique<PeerRunner>(e, o, inputs);
}

}  // namespace hone::suite
