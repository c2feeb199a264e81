// SPDX-License-Identifier: Apache-2.0
// Faults of a network that quantisation suffers from: activations that are signed, one channel far wider than the rest.
// Called by `optimize`; the report shows what was found first, beside eval/diagnose.h's faults of the data path.
//
//   run.findings = diagnose_model(graph);
//   for (record::Finding& f : diagnose_layers(explain_layers(...), drop)) run.findings.push_back(f);
#pragma once
#include <string>
#include <vector>

#include "compress/explain.h"
#include "record/finding.h"

namespace hone::compress {

/// "signed_activations": a quantised file whose activations are s8.
std::vector<record::Finding> diagnose_model(const Graph& g);
/// "outlier_channel": layers whose input has one channel so much wider than the others that 8 bits for all of them leave
/// the others few levels, and whose result shows it (SQNR below 20 dB). `drop` of top-1 when all layers are in int8 with
/// plain ranges (of another metric: `loses` says it, `drop` is its share) is what is at stake; the layer that suffers most
/// stands for all.
std::vector<record::Finding> diagnose_layers(const std::vector<LayerExplanation>& layers, double drop, const std::string& loses = {});

}  // namespace hone::compress
