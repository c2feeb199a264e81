// SPDX-License-Identifier: Apache-2.0
// The ranks of a run that mpirun (or srun, hydra) started. MPI is a module that is loaded then, and only then.
//
//   if (std::unique_ptr<dist::Comm> comm = dist::launched_ranks()) ... comm->rank() of comm->ranks()
#pragma once
#include <memory>

#include "dist/comm.h"

namespace hone::dist {

/// How many ranks the launcher says that it started, by its environment variables; 1 without one.
int launched_count();
/// Null when this process runs alone. Once a process. Throws unsupported "dist.module" where this hone has no module
/// for MPI or it cannot be loaded, "dist.launcher" when MPI knows of another number of ranks than the launcher (the
/// module was built with another MPI).
std::unique_ptr<Comm> launched_ranks();

}  // namespace hone::dist
