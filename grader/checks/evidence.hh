#pragma once

#include <deque>
#include <filesystem>
#include <map>
#include <string>

#include "grader/checks/program.hh"
#include "grader/checks/story.hh"
#include "grader/network/network.hh"

namespace wirelab {

/// A program that crashed, that is not written yet, or that ended with an error before it sent anything fails
/// in its own way, whatever the check was about: then the verdict's likely cause says so first.
void explain_end(Verdict& verdict, const std::deque<Program>& programs, const Network& net,
                 const Story& story);

/// Puts the frames of every cable into the verdict, by time: the first and the last few hundred.
/// `with_numbers`: TCP segments are told with their sequence numbers, counted from the SYN of their direction
/// (RFC 9293, section 3.4), for programs that make them by hand.
void collect_frames(Verdict& verdict, const Network& net, const Story& story, bool with_numbers);

/// Writes `wire.pcap` (`wire-NAME.pcap` where there are several cables), `verdict.json`, each program's
/// output and the files that programs were given (name, bytes) into a folder, all at once: where anything
/// fails, what was there before stays. Throws std::system_error or std::runtime_error naming the file.
void write_evidence(const std::filesystem::path& folder, Verdict& verdict, const Network& net,
                    const std::map<std::string, std::string>& given);

}  // namespace wirelab
