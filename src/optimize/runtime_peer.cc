// SPDX-License-Identifier: Apache-2.0
#include <unistd.h>

#include <algorithm>
#include <cstdlib>

#include "base/cpu.h"
#include "base/error.h"
#include "base/file.h"
#include "base/interrupt.h"
#include "eval/peer.h"
#include "eval/two_classes.h"
#include "onnx/reader.h"
#include "onnx/writer.h"
#include "optimize/runtime.h"

namespace hone {

namespace {

constexpr int64_t most_sample_bytes = int64_t{64} << 20;  // of what goes to the peer at once
constexpr int burst = 3;                                  // runs of one engine before the other's turn

/// The model as a file that the peer reads: its own, or a temporary one.
class PeerFile {
  public:
    explicit PeerFile(const RuntimeModel& m) : path_(m.path) {
        if (!path_.empty()) return;
        const char* base = std::getenv("TMPDIR");
        path_ = cat(base && *base ? base : "/tmp", "/hone-candidate-XXXXXX");
        const int fd = mkstemp(path_.data());
        if (fd < 0) fail(ErrorKind::io, "file.write", "no temporary file for the candidate", {}, path_);
        close(fd);
        temporary_ = true;
        write_model(*m.graph, path_);
    }
    PeerFile(const PeerFile&) = delete;
    ~PeerFile() {
        if (temporary_) unlink(path_.c_str());
    }
    const std::string& path() const { return path_; }

  private:
    std::string path_;
    bool temporary_ = false;
};

/// What eval::predict makes of them.
void add_predictions(eval::Answers& a, const Tensor& outputs, const Dataset& data, int64_t first, int64_t rows) {
    if (a.classes != data.targets().dim(1))
        fail(ErrorKind::data, "data.targets", cat("the data has ", data.targets().dim(1), " targets a sample but the model gives ", a.classes));
    if (first == 0) a.logits = Tensor::zeros(DType::f32, {data.size(), a.classes});
    const Tensor values = outputs.cast(DType::f32);
    std::copy_n(values.data<float>(), rows * a.classes, a.logits.data<float>() + first * a.classes);
}

class PeerRuntime final : public Runtime {
  public:
    PeerRuntime(std::string engine, RuntimeOptions o) : engine_(std::move(engine)), options_(std::move(o)) {}
    std::string name() const override { return engine_; }
    bool permits(Precision p) const override {
        return p == Precision::fp32 || (engine_ == "openvino" && usable_isa() >= Isa::avx512_bf16);
    }

    eval::Answers answers(const RuntimeModel& m, const Dataset& data) override {
        const PeerFile file(m);
        eval::Peer peer(peer_options(file.path(), m.precision));
        const int64_t fixed = eval::natural_batch(*m.graph, data.sample_dims());
        const int64_t bytes = std::max<int64_t>(1, data.sample_count() * 4);
        const int64_t chunk = std::max<int64_t>(fixed, most_sample_bytes / bytes / fixed * fixed);
        const bool probability = eval::ends_in_sigmoid(*m.graph);
        eval::Answers all = data.regression() ? eval::Answers{} : eval::answers_for(data.size());
        for (int64_t first = 0; first < data.size(); first += chunk) {
            check_interrupt();
            const int64_t rows = std::min(chunk, data.size() - first);
            std::vector<int64_t> indices;  // a fixed batch is filled up with the last sample
            for (int64_t i = 0; i < (rows + fixed - 1) / fixed * fixed; ++i) indices.push_back(std::min(first + i, data.size() - 1));
            const Tensor scores = eval::two_columns(peer.evaluate(peer.inputs().at(0).name, batch(data, indices), static_cast<int>(fixed)), probability, data);
            all.classes = scores.rank() && scores.dim(0) ? scores.count() / scores.dim(0) : 0;
            if (data.regression()) add_predictions(all, scores, data, first, rows);
            else {
                if (options_.scores && first == 0) all.logits = Tensor::zeros(DType::f32, {data.size(), all.classes});
                eval::add_scores(all, scores, data, first, rows);
            }
        }
        return all;
    }

    eval::TimedBlock times(const RuntimeModel& a, const RuntimeModel& b) override {
        const PeerFile first(a), second(b);
        return interleaved({first.path(), a.precision}, {second.path(), b.precision}, *a.graph, 0.6, nullptr);
    }

    eval::PairTiming pair(const eval::TimedModel& a, const eval::TimedModel& b, int processes) override {
        eval::PairTiming timing;
        std::vector<double> load_a, load_b;
        Progress progress(cat("timing in ", engine_), processes);
        const Graph g = read_model(a.path);
        for (int p = 0; p < processes; ++p) {
            progress.update(p);
            std::vector<double> loads;
            eval::TimedBlock block = interleaved(a, b, g, 0.5, &loads);
            load_a.push_back(loads[0]);
            load_b.push_back(loads[1]);
            timing.first.ms.insert(timing.first.ms.end(), block.before.begin(), block.before.end());
            timing.second.ms.insert(timing.second.ms.end(), block.after.begin(), block.after.end());
            timing.blocks.push_back(std::move(block));
        }
        timing.first.load_ms = median(load_a);
        timing.second.load_ms = median(load_b);
        return timing;
    }

  private:
    eval::PeerOptions peer_options(const std::string& path, Precision p) const {
        eval::PeerOptions o;
        o.engine = engine_;
        o.model = path;
        o.threads = options_.threads;
        o.precision = p == Precision::bf16 ? "bf16" : "f32";
        return o;
    }

    /// One process a model, all alive, each running a few times in turn. `loads`: milliseconds of starting each.
    eval::TimedBlock interleaved(const eval::TimedModel& a, const eval::TimedModel& b, const Graph& g, double seconds, std::vector<double>* loads) {
        const std::vector<Tensor> x = eval::synthetic_inputs(g, options_.batch);
        std::vector<std::unique_ptr<eval::Peer>> peers;
        for (const eval::TimedModel* m : {&a, &b}) {
            peers.push_back(std::make_unique<eval::Peer>(peer_options(m->path, m->precision)));
            eval::Peer& peer = *peers.back();
                if (loads) loads->push_back(peer.load_ms());
            if (peer.inputs().size() != x.size())
                fail(ErrorKind::unsupported, "peer.inputs", cat(engine_, " sees ", peer.inputs().size(), " inputs; hone ", x.size()), {}, m->path);
            for (size_t i = 0; i < x.size(); ++i) peer.set_input(peer.inputs()[i].name, x[i]);
            peer.run(10);
        }
        eval::TimedBlock block;
        const double start = now_seconds();
        for (int round = 0; round < 20 || (now_seconds() - start < 2 * seconds && round < 2000); ++round) {
            check_interrupt();
            if (round >= 5 && now_seconds() - start > 20) break;
            for (size_t i = 0; i < peers.size(); ++i) {
                const std::vector<double> some = peers[i]->run(burst + 1);
                std::vector<double>& ms = i ? block.after : block.before;
                ms.insert(ms.end(), some.begin() + 1, some.end());  // the first one finds the other engine's data in the caches
            }
        }
        return block;
    }

    std::string engine_;
    RuntimeOptions options_;
};

}  // namespace

std::unique_ptr<Runtime> open_peer_runtime(const std::string& engine, const RuntimeOptions& options) {
    return std::make_unique<PeerRuntime>(engine, options);
}

}  // namespace hone
