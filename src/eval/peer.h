// SPDX-License-Identifier: Apache-2.0
// A peer engine (onnxruntime, openvino) in its own process, driven over a pipe by peer.py (beside this file, embedded in
// the program), so that neither engine is timed beside the other's threads. Called by tests, benchmarks and
// `optimize --runtime`; a user of hone's own engine never needs it.
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
    std::string root = {};          ///< the folder of .venv/peers; empty: found; HONE_PEERS overrides it
    double timeout_seconds = 600;   ///< for one answer
};

class Peer {
  public:
    struct Input {
        std::string name;
        DType type;  ///< undefined where we have no such type
        Dims dims;   ///< -1 where free
    };

    struct Memory {
        int64_t start_bytes;  ///< resident before the model was opened: Python and the engine's library
        int64_t peak_bytes;   ///< the most that was resident since the process began
    };

    explicit Peer(PeerOptions options);
    ~Peer();
    Peer(const Peer&) = delete;

    const std::string& version() const;
    const std::vector<Input>& inputs() const;
    double load_ms() const;  ///< what reading and preparing the model took, by the peer's own clock
    double load_again();     ///< ms of the same once more, beside the first
    void set_input(const std::string& name, const Tensor& value);
    /// Milliseconds of each of `n` runs, by the peer's own clock.
    std::vector<double> run(int n);
    Memory memory();  ///< of the peer's process until now
    /// Of the last run, in the model's order.
    std::vector<Tensor> outputs();
    /// The first output over all rows of `samples`, in batches of `batch`.
    Tensor evaluate(const std::string& input, const Tensor& samples, int batch = 1);

    /// Whether the environment is there.
    static bool present(const std::string& root = {});

  private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace hone::eval
