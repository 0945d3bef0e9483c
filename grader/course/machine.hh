#pragma once

#include <string>
#include <vector>

#include "grader/course/builder.hh"

namespace wirelab {

/// One thing that the labs need of a machine, looked at.
struct Finding {
  std::string need;       ///< "user namespaces"
  bool ok = false;        ///< it is there, and works
  bool optional = false;  ///< the labs work without it
  std::string trouble;    ///< why it is not there: operation and reason
  std::string remedy;     ///< what exactly to do
};

/// Tries everything that the labs need, each in a process of its own. Takes some tens of milliseconds.
/// What needs user namespaces is left out where there are none.
std::vector<Finding> examine_machine(const Toolbox& toolbox);

/// Tries the one thing without which no check can run: a user and a network namespace. Takes about a
/// millisecond.
Finding examine_namespaces();

/// What is known of a machine that refuses namespaces. Read from /proc, or made up by a test.
struct NamespaceFacts {
  int error = 0;                      ///< errno of the attempt
  long most_user_namespaces = -1;     ///< user.max_user_namespaces; -1 where the kernel does not say
  long most_network_namespaces = -1;  ///< user.max_net_namespaces
  long unprivileged_clone = -1;       ///< kernel.unprivileged_userns_clone (Debian)
  long apparmor_restricts = -1;       ///< kernel.apparmor_restrict_unprivileged_userns (Ubuntu)
  bool in_container = false;          ///< the container's own rules may forbid it, whatever the kernel says
};

/// What to do about it.
std::string namespace_remedy(const NamespaceFacts& facts);

}  // namespace wirelab
