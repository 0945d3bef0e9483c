#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "grader/checks/verdict.hh"

namespace wirelab {

/// What became of a frame, as far as a drawing of it differs.
enum class Passage {
  plain,       ///< it passed at once
  lost,        ///< it never arrived
  late,        ///< delayed or overtaken by a rule, not by a busy machine
  duplicated,  ///< it arrived more than once
  changed,     ///< corrupted or rewritten on its way
};

/// One frame as it will be drawn.
struct LadderArrow {
  std::size_t number = 0;            ///< from 1, among the frames that are drawn
  double time = 0;                   ///< when it entered the cable, seconds since the check began
  double arrived = -1;               ///< when it left the cable; negative when it never did
  std::size_t from = 0;              ///< index of a host
  std::vector<std::size_t> to;       ///< indices of hosts: several on a hub
  Passage passage = Passage::plain;  ///< how it is drawn
  std::string label;                 ///< `UDP 12 bytes`
  std::string note;                  ///< what befell it, in words; empty for nothing
  std::string summary;               ///< with addresses: `UDP 10.5.0.1:40213 > 10.5.0.2:1060, 12 bytes`
  std::size_t frame = 0;             ///< index among the records that the plan was made of
};

/// A row of a ladder: an arrow, or how many were left out.
struct LadderRow {
  const LadderArrow* arrow = nullptr;  ///< of the plan, which must outlive it; null where some were left out
  std::size_t left_out = 0;            ///< where there is no arrow
};

/// A ladder as data, which the terminal's and the picture's are both drawn from: who takes part, and every
/// frame that is the lab's own traffic, in order of time.
class LadderPlan {
 public:
  /// Of a verdict's frames; background traffic is left out.
  explicit LadderPlan(const std::vector<FrameRecord>& frames);

  /// The lifelines, from left to right.
  [[nodiscard]] const std::vector<std::string>& hosts() const { return hosts_; }
  /// Every frame that will be drawn, by time.
  [[nodiscard]] const std::vector<LadderArrow>& arrows() const { return arrows_; }

  /// Nothing to draw.
  [[nodiscard]] bool empty() const { return arrows_.empty() || hosts_.size() < 2; }

  /// Leaves the frames numbered `first` to `last` alone; hosts and numbers stay.
  /// Throws std::invalid_argument when there are no such frames: `frames 3-9: 6 frames are drawn`.
  void keep(std::size_t first, std::size_t last);

  /// The arrows in order; of very many, the middle is one row that says how many are left out.
  [[nodiscard]] std::vector<LadderRow> rows() const;

 private:
  void add(const FrameRecord& frame, std::size_t index);
  std::size_t lane(const std::string& host);
  [[nodiscard]] std::string label(const std::string& summary) const;

  std::vector<std::string> hosts_;
  std::vector<LadderArrow> arrows_;
  bool several_conversations_ = false;
};

}  // namespace wirelab
