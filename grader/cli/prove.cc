#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <atomic>
#include <mutex>
#include <nlohmann/json.hpp>
#include <thread>

#include "grader/cli/commands.hh"
#include "grader/cli/output_file.hh"
#include "grader/course/machine.hh"
#include "grader/course/proof.hh"

namespace wirelab {
namespace {

/// Most of a check is waiting, so there may be more claims in hand than processors; but checks that press on
/// time suffer when there are very many.
unsigned default_jobs() { return 2 * std::max(1u, std::thread::hardware_concurrency()); }

/// Tries all claims, several at a time, and prints each as it is decided.
class Proving {
 public:
  Proving(Session& session, std::vector<Claim> claims, bool list_catches)
      : session_(session), claims_(std::move(claims)), proofs_(claims_.size()), list_catches_(list_catches) {}

  void run(unsigned jobs) {
    show();
    std::vector<std::jthread> workers;
    for (unsigned i = 0; i < jobs; ++i) workers.emplace_back([this] { work(); });
  }

  [[nodiscard]] std::size_t count(Outcome outcome) const {
    return static_cast<std::size_t>(std::ranges::count(proofs_, outcome, &Proof::outcome));
  }
  [[nodiscard]] std::size_t size() const { return claims_.size(); }

  [[nodiscard]] nlohmann::json to_json() const {
    nlohmann::json list = nlohmann::json::array();
    for (std::size_t i = 0; i < claims_.size(); ++i) {
      list.push_back({{"lab", claims_[i].lab},
                      {"claim", claims_[i].text},
                      {"verdict", to_string(proofs_[i].outcome)},
                      {"detail", proofs_[i].detail},
                      {"caught_by", proofs_[i].caught_by}});
    }
    return {{"claims", list}};
  }

 private:
  void work() {
    for (std::size_t mine = next_++; mine < claims_.size(); mine = next_++) {
      proofs_[mine] = claims_[mine].prove();
      ++finished_;
      session_.console.print(describe(claims_[mine], proofs_[mine]));
      show();
    }
  }

  void show() {
    session_.console.status(fmt::format("  {} of {} claims tried", finished_.load(), claims_.size()));
  }

  std::string describe(const Claim& claim, const Proof& proof) {
    const Style& style = session_.console.style();
    const std::string mark = proof.outcome == Outcome::passed   ? style.green(style.glyph("✓", "ok  "))
                             : proof.outcome == Outcome::failed ? style.red(style.glyph("✗", "FAIL"))
                                                                : style.yellow(style.glyph("?", "?   "));
    std::string text = fmt::format("{} {}: {}\n", mark, claim.lab.substr(0, 2), claim.text);
    if (!proof.detail.empty()) text += fmt::format("    {}\n", wrap(printable(proof.detail), style.width, 4));
    if (list_catches_ && !proof.caught_by.empty())
      text += fmt::format("    failed: {}\n", fmt::join(proof.caught_by, ", "));
    return text;
  }

  Session& session_;
  const std::vector<Claim> claims_;
  std::vector<Proof> proofs_;
  const bool list_catches_;
  std::atomic<std::size_t> next_ = 0;
  std::atomic<std::size_t> finished_ = 0;
};

}  // namespace

int prove(Session& session, const ProveRequest& request) {
  const auto labs = session.labs(request.labs);
  const OutputFile report(request.json);
  if (const Finding namespaces = examine_namespaces(); !namespaces.ok) {
    throw std::runtime_error(fmt::format("{}; {}", namespaces.trouble, namespaces.remedy));
  }
  ProofOptions options;
  options.work = session.state() / "proofs";
  options.cache = session.cache();
  options.all_checks = request.all_checks;
  std::vector<Claim> claims;
  for (const Lab* lab : labs)
    std::ranges::move(claims_of(session.toolbox, *lab, options), std::back_inserter(claims));

  Proving proving(session, std::move(claims), request.all_checks);
  proving.run(request.jobs > 0 ? request.jobs : default_jobs());
  report.write(proving.to_json().dump(2) + "\n");
  const std::size_t failed = proving.count(Outcome::failed), unknown = proving.count(Outcome::inconclusive);
  session.console.print(fmt::format("{} claims: {} hold, {} do not, {} could not be judged\n", proving.size(),
                                    proving.size() - failed - unknown, failed, unknown));
  return failed > 0 ? exit_failed : unknown > 0 ? exit_trouble : exit_passed;
}

}  // namespace wirelab
