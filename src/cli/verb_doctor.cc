// SPDX-License-Identifier: Apache-2.0
// `hone doctor`: what this machine can do and how noisy it is.
#include <memory>

#include "base/cpu.h"
#include "base/error.h"
#include "base/file.h"
#include "cli/cli.h"
#include "cli/common.h"
#include "eval/probe.h"
#include "kernel/onednn/onednn.h"
#include "record/doctor.h"
#include "record/json.h"
#include "record/table.h"
#include "run/tune.h"

namespace hone::cli {

namespace {
std::string percent(double share) { return cat(record::number_text(share * 100), " %"); }

record::Noise noise_record(const eval::NoiseSeen& n) {
    record::Noise r;
    r.runs = n.runs;
    r.median_ms = n.median_ms;
    r.spread = n.spread;
    r.worst = n.worst;
    r.verdict = n.spread < 0.03 && n.worst < 1.5 ? "quiet" : n.spread < 0.15 ? "usable" : "noisy";
    return r;
}

std::string advice(const record::Noise& n) {
    if (n.verdict == "quiet") return "quiet: single measurements agree; intervals will be narrow.";
    if (n.verdict == "usable")
        return "usable: compare models by interleaved runs (`hone bench A B`), not by two separate calls.";
    return "noisy: something else uses these cores. Interleaved runs still decide, but need more of them (--processes, "
           "--runs); "
           "minima mean more than medians.";
}

void add_warnings(const record::Doctor& d, Call& call) {
    if (usable_isa() < Isa::avx2)
        call.warn("no AVX2: kernels are several times slower than on processors since 2013");
    else if (usable_isa() < Isa::avx512_vnni)
        call.warn("no VNNI: int8 gains a quarter to a third over fp32 here, by exact kernels on 16-bit words");
    if (usable_isa() < machine_isa())
        call.warn(cat("capped to ", isa_name(usable_isa()), " by HONE_ISA; the machine has ", isa_name(machine_isa())));
    if (d.machine.load[0] > 1.5 * static_cast<double>(d.machine.cores))
        call.warn(cat("load ", record::number_text(d.machine.load[0]), " on ", d.machine.cores,
                      " cores: the rates may be lower than the machine's"));
}

std::string human(const record::Doctor& d) {
    std::string s =
        cat(record::printable(d.machine.cpu), ", ", d.machine.isa, ", ", d.machine.cores, " cores, probed with ",
            d.machine.threads, " threads, load ", record::number_text(d.machine.load[0]), "\nhone ", d.version);
    for (const auto& [name, version] : d.libraries) s += cat(", ", name, " ", version);
    s += cat("; devices: ", join(d.devices, ", "), "\n\n");
    record::Table rates({"type", "Gop/s a core", "Gop/s all"});
    for (const record::RateRow& r : d.rates)
        rates.add({r.type, r.core_gops > 0 ? record::number_text(r.core_gops) : "no kernel",
                   record::number_text(r.all_gops)});
    record::Table memory({"memory", "size", "GB/s a core", "GB/s all"});
    for (const record::MemoryRow& m : d.memory)
        memory.add({m.level, m.bytes ? human_bytes(static_cast<double>(m.bytes)) : "", record::number_text(m.core_gbs),
                    record::number_text(m.all_gbs)});
    s += rates.text() + "\n" + memory.text();
    std::string wrong;
    for (const std::string& k : d.dropped) wrong += cat("wrong here, dropped by tune: ", record::printable(k), "\n");
    return s + cat("\nidentical work, ", d.noise.runs, " times: median ", record::number_text(d.noise.median_ms),
                   " ms, spread ", percent(d.noise.spread), ", worst ", record::number_text(d.noise.worst),
                   " times the median\n", advice(d.noise), "\n", wrong);
}
}  // namespace

Verb doctor_verb() {
    auto seconds = std::make_shared<double>(2);
    Verb v;
    v.name = "doctor";
    v.summary = "what this machine can do and how noisy it is";
    v.examples = {{"hone doctor", "a probe of some two seconds: rates, bandwidths, noise"}};
    v.declare = [seconds](Options& o) { o.seconds("time", *seconds, "of the probe, about"); };
    v.run = [seconds](Call& call) {
        record::Doctor d;
        d.version = version();
        d.machine = this_machine(call.common.threads);
        d.libraries = {{"oneDNN", onednn::version()}};
        d.devices = {"cpu"};
        const eval::Probe p = eval::probe_machine({call.common.threads, *seconds});
        d.machine.load.push_back(load_average());
        for (const eval::RateKind kind : {eval::RateKind::fp32, eval::RateKind::bf16, eval::RateKind::int8}) {
            const eval::Rate& r = p.rates[static_cast<int>(kind)];
            d.rates.push_back({eval::rate_name(kind), r.core, r.all});
        }
        for (const eval::MemoryRate& m : p.memory) d.memory.push_back({m.level, m.bytes, m.gbs.core, m.gbs.all});
        d.noise = noise_record(p.noise);
        if (const std::string times = cache_folder() + "/journal.jsonl"; file_exists(times)) d.dropped = wrong_kernels(record::Journal::read(times));
        add_warnings(d, call);
        d.warnings = call.warnings;
        call.emit(record::to_json(d), human(d), "doctor.json");
        return 0;
    };
    return v;
}

}  // namespace hone::cli
