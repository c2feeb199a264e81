// SPDX-License-Identifier: Apache-2.0
// The list of verbs.
#include "cli/verb.h"

namespace hone::cli {

Verb optimize_verb();
Verb train_verb();
Verb quantize_verb();
Verb inspect_verb();
Verb eval_verb();
Verb bench_verb();
Verb run_verb();
Verb compare_verb();
Verb report_verb();
Verb tune_verb();
Verb new_verb();
Verb profile_verb();
Verb doctor_verb();
Verb time_pair_verb();
Verb usage_verb();

const std::vector<Verb>& all_verbs() {
    static const std::vector<Verb> list = {
        optimize_verb(),   //
        train_verb(),      //
        quantize_verb(),   //
        inspect_verb(),    //
        eval_verb(),       //
        bench_verb(),      //
        run_verb(),        //
        compare_verb(),    //
        report_verb(),     //
        tune_verb(),       //
        new_verb(),        //
        profile_verb(),    //
        doctor_verb(),     //
        time_pair_verb(),  //
        usage_verb(),      //
    };
    return list;
}

}  // namespace hone::cli
