// SPDX-License-Identifier: Apache-2.0
#include "cli/cli.h"

int main(int argc, char** argv) { return hone::cli::run_command_line({argv + (argc > 0), argv + argc}); }
