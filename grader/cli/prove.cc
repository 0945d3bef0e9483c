#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <atomic>
#include <iterator>
#include <map>
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
unsigned default_jobs() { return 3 * std::max(1u, std::thread::hardware_concurrency()); }

/// Tries all claims, several at a time. Those that do not hold, or could not be judged, are tried once more
/// when all others are through, alone: a machine with nothing else to do is the fairest judge. What then
/// holds is said to have held at the second try, for it should have at the first.
class Proving {
 public:
  Proving(Session& session, std::vector<Claim> claims, const ProveRequest& request)
      : session_(session), claims_(std::move(claims)), proofs_(claims_.size()), request_(request) {
    for (const Claim& claim : claims_) ++left_[claim.lab];
  }

  void run(unsigned jobs) {
    show();
    {
      std::vector<std::jthread> workers;
      for (unsigned i = 0; i < jobs; ++i) workers.emplace_back([this] { work(); });
    }
    for (std::size_t i = 0; i < claims_.size(); ++i) {
      if (proofs_[i].outcome != Outcome::passed) try_again(i);
    }
  }

  [[nodiscard]] std::size_t count(Outcome outcome) const {
    return static_cast<std::size_t>(std::ranges::count(proofs_, outcome, &Proof::outcome));
  }
  [[nodiscard]] std::size_t size() const { return claims_.size(); }
  [[nodiscard]] std::size_t at_second_try() const { return at_second_try_; }

  [[nodiscard]] nlohmann::json to_json() const {
    nlohmann::json list = nlohmann::json::array();
    for (std::size_t i = 0; i < claims_.size(); ++i) {
      list.push_back({{"lab", claims_[i].lab},
                      {"claim", claims_[i].text},
                      {"verdict", to_string(proofs_[i].outcome)},
                      {"detail", proofs_[i].detail},
                      {"caught_by", proofs_[i].caught_by}});
    }
    nlohmann::json result = {{"claims", list}};
    if (request_.all_checks) result["caught_alone"] = caught_alone();
    return result;
  }

  /// Adds what the makers of mistakes were told to what is on record.
  void record_messages(const std::vector<const Lab*>& labs) const {
    for (const Lab* lab : labs) {
      std::vector<Message> messages = load_messages(session_.course.root, *lab);
      for (std::size_t i = 0; i < claims_.size(); ++i) {
        if (claims_[i].lab == lab->id()) std::ranges::copy(proofs_[i].messages, std::back_inserter(messages));
      }
      save_messages(session_.course.root, *lab, std::move(messages));
    }
  }

 private:
  void work() {
    for (std::size_t mine = next_++; mine < claims_.size(); mine = next_++) {
      proofs_[mine] = claims_[mine].prove();
      finish(mine);
    }
  }

  void finish(std::size_t i) {
    const std::lock_guard lock(mutex_);
    ++finished_;
    if (request_.verbose) session_.console.print(describe(claims_[i], proofs_[i]));
    if (--left_[claims_[i].lab] == 0) {
      const auto all = std::ranges::count(claims_, claims_[i].lab, &Claim::lab);
      session_.console.print(fmt::format("{}: {} claims tried\n", claims_[i].lab, all));
    }
    show();
  }

  void try_again(std::size_t i) {
    session_.console.status(fmt::format("  once more: {}", claims_[i].text));
    const std::string before = proofs_[i].detail;
    proofs_[i] = claims_[i].prove();
    if (proofs_[i].outcome == Outcome::passed) {
      ++at_second_try_;
      proofs_[i].detail = "at the second try; at the first: " + before;
    }
    session_.console.print(describe(claims_[i], proofs_[i]));
  }

  void show() { session_.console.status(fmt::format("  {} of {} claims tried", finished_, claims_.size())); }

  std::string describe(const Claim& claim, const Proof& proof) {
    const Style& style = session_.console.style();
    const std::string mark = proof.outcome == Outcome::passed   ? style.green(style.glyph("✓", "ok  "))
                             : proof.outcome == Outcome::failed ? style.red(style.glyph("✗", "FAIL"))
                                                                : style.yellow(style.glyph("?", "?   "));
    std::string text = fmt::format("{} {}: {}\n", mark, claim.lab.substr(0, 2), claim.text);
    if (!proof.detail.empty()) text += fmt::format("    {}\n", wrap(printable(proof.detail), style.width, 4));
    if (request_.all_checks && !proof.caught_by.empty())
      text += fmt::format("    failed: {}\n", fmt::join(proof.caught_by, ", "));
    return text;
  }

  /// For each check the mistakes that no other check of its lab catches.
  [[nodiscard]] nlohmann::json caught_alone() const {
    nlohmann::json result = nlohmann::json::object();
    for (std::size_t i = 0; i < claims_.size(); ++i) {
      if (proofs_[i].caught_by.size() == 1)
        result[claims_[i].lab][proofs_[i].caught_by[0]].push_back(proofs_[i].mistake);
    }
    return result;
  }

  Session& session_;
  const std::vector<Claim> claims_;
  std::vector<Proof> proofs_;
  const ProveRequest& request_;
  std::atomic<std::size_t> next_ = 0;
  std::mutex mutex_;  // of what follows
  std::size_t finished_ = 0;
  std::size_t at_second_try_ = 0;
  std::map<std::string, std::size_t> left_;  // claims of each lab
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
  options.record = request.record;
  std::vector<Claim> claims;
  for (const Lab* lab : labs)
    std::ranges::move(claims_of(session.toolbox, *lab, options), std::back_inserter(claims));

  Proving proving(session, std::move(claims), request);
  proving.run(request.jobs > 0 ? request.jobs : default_jobs());
  report.write(proving.to_json().dump(2) + "\n");
  if (request.record) proving.record_messages(labs);
  const std::size_t failed = proving.count(Outcome::failed), unknown = proving.count(Outcome::inconclusive);
  session.console.print(fmt::format(
      "{} claims: {} hold, {} of them at the second try; {} do not, {} could not be judged\n", proving.size(),
      proving.size() - failed - unknown, proving.at_second_try(), failed, unknown));
  return failed > 0 ? exit_failed : unknown > 0 ? exit_trouble : exit_passed;
}

}  // namespace wirelab
