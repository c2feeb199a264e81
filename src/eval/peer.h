// SPDX-License-Identifier: Apache-2.0
// A peer engine (onnxruntime, openvino) in its own process, driven over a pipe by bench/peer.py, so that neither engine
// is timed beside the other's threads. Called by tests and benchmarks only; a user never needs it.
//
//   Peer peer({.engine = "onnxruntime", .model = "model.onnx", .threads = 2});
//   peer.set_input("input", image);
//   const std::vector<double> ms = peer.run(30);      // then peer.outputs()
//
// Throws io "peer.absent" where the environment was not made (scripts/peers), io "peer.died" where the process went or
// does not answer, unsupported "peer.refused" where the engine refuses the model or a command.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "base/tensor.h"

namespace hone::eval {

struct PeerOptions {
    std::string engine;             ///< "onnxruntime" or "openvino"
    std::string model;              ///< path of an ONNX file
    int threads = 1;
    std::string precision = "f32";  ///< or "bf16" (openvino)
    bool spin = false;              ///< onnxruntime's default is true; a peer that spins disturbs who is timed next
    std::string root = ".";         ///< the folder of bench/peer.py and .venv/peers; HONE_PEERS overrides the latter
    double timeout_seconds = 600;   ///< for one answer
};

class Peer {
  public:
    struct Input {
        std::string name;
        DType type;  ///< undefined where we have no such type
        Dims dims;   ///< -1 where free
    };

    explicit Peer(PeerOptions options);
    ~Peer();
    Peer(const Peer&) = delete;

    const std::string& version() const;
    const std::vector<Input>& inputs() const;
    void set_input(const std::string& name, const Tensor& value);
    /// Milliseconds of each of `n` runs, by the peer's own clock.
    std::vector<double> run(int n);
    /// Of the last run, in the model's order.
    std::vector<Tensor> outputs();
    /// The first output over all rows of `samples`, in batches of `batch`.
    Tensor evaluate(const std::string& input, const Tensor& samples, int batch = 1);

    /// Whether the environment is there.
    static bool present(const std::string& root = ".");

  private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace hone::eval
