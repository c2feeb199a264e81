// SPDX-License-Identifier: Apache-2.0
// `hone doctor`: what this machine can do and how noisy it is.
#include "base/cpu.h"
#include "cli/cli.h"
#include "cli/common.h"
#include "kernel/onednn/onednn.h"
#include "record/doctor.h"
#include "record/json.h"

namespace hone::cli {

Verb doctor_verb() {
    Verb v;
    v.name = "doctor";
    v.summary = "what this machine can do and how noisy it is";
    v.examples = {{"hone doctor", "a probe of two seconds"}};
    v.declare = [](Options&) {};
    v.run = [](Call& call) {
        record::Doctor d;
        d.version = version();
        d.machine = this_machine(call.common.threads);
        d.libraries = {{"oneDNN", onednn::version()}};
        d.devices = {"cpu"};
        call.emit(record::to_json(d), record::to_json(d) + "\n", "doctor.json");
        return 0;
    };
    return v;
}

}  // namespace hone::cli
