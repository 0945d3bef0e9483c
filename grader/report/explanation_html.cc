#include "grader/report/explanation_html.hh"

#include <fmt/format.h>

#include <kainjow/mustache.hpp>

#include "grader/report/excerpt.hh"
#include "grader/report/ladder_svg.hh"
#include "grader/report/svg.hh"

namespace wirelab {
namespace {

namespace mustache = kainjow::mustache;
using mustache::data;

// {{name}} is escaped, by mustache itself; {{{ladder}}} is a picture, whose text svg.cc escapes.
constexpr const char* article = R"(<article class="{{outcome}}">
<h4><span class="mark">{{mark}}</span> {{title}}</h4>
<p class="small">{{check}}, {{worth}}, seed {{seed}}</p>
<dl>{{#reason}}<dt>not judged</dt><dd class="lines">{{reason}}</dd>{{/reason}}{{#expected}}<dt>expected</dt><dd>{{expected}}</dd>{{/expected}}{{#actual}}<dt>but</dt><dd>{{actual}}</dd>{{/actual}}</dl>
{{#has_steps}}<h5>What happened</h5>
{{#earlier}}<p class="small">… {{earlier}} earlier steps</p>{{/earlier}}
<ol start="{{first}}">{{#steps}}<li{{#here}} class="here"{{/here}}><time>{{time}} s</time> {{text}}</li>
{{/steps}}</ol>
{{/has_steps}}{{#ladder}}<h5>On the wire</h5>
<div class="wide" tabindex="0" role="group" aria-label="On the wire">{{{ladder}}}</div>
{{/ladder}}{{#programs}}<h5>On {{host}}: <code>{{command}}</code></h5>
<p>{{end}}</p>
{{#printed}}<p class="small">{{what}}{{#cut}} (the last {{cut}} lines){{/cut}}</p><pre tabindex="0">{{text}}</pre>
{{/printed}}{{/programs}}<dl>{{#cause}}<dt>likely</dt><dd class="lines">{{cause}}</dd>{{/cause}}{{#concept}}<dt>concept</dt><dd>{{concept}}{{#slide}}: {{#address}}<a href="{{address}}">{{slide}}</a>{{/address}}{{^address}}<code>{{slide}}</code>{{/address}}{{/slide}}</dd>{{/concept}}{{#packets}}<dt>packets</dt><dd><code>{{packets}}</code></dd>{{/packets}}{{#again}}<dt>again</dt><dd><code>{{again}}</code></dd>{{/again}}</dl>
</article>
)";

constexpr std::string_view style = R"(
:root{color-scheme:light dark;--paper:#ffffff;--ink:#1c2128;--muted:#59636e;--line:#d5dae0;--soft:#f4f6f9;--good:#1a7f37;--bad:#b42318;--open:#8a5300;--link:#0b5cad}
@media (prefers-color-scheme:dark){:root{--paper:#15181d;--ink:#e6e9ed;--muted:#9aa4af;--line:#363e48;--soft:#1d2229;--good:#5fd17a;--bad:#ff8b80;--open:#f0b35b;--link:#79b8ff}}
article{border:1px solid var(--line);border-left:4px solid var(--bad);border-radius:6px;padding:.2rem 1rem .6rem;margin:1.2rem 0;break-inside:avoid-page}
article.inconclusive{border-left-color:var(--open)}
article h4{font-size:1.05rem;margin:.8rem 0 .2rem}
article h5{font-size:.95rem;margin:1rem 0 .3rem}
.mark{color:var(--bad)}.inconclusive .mark,.mark.inconclusive{color:var(--open)}.mark.passed{color:var(--good)}
.small{color:var(--muted);font-size:.9rem;margin:.2rem 0}
dl{display:grid;grid-template-columns:minmax(5.5rem,auto) 1fr;gap:.2rem .8rem;margin:.6rem 0}
dt{color:var(--muted)}dd{margin:0;overflow-wrap:anywhere}dd.lines{white-space:pre-wrap}
article ol{margin:.3rem 0;padding-left:2.2rem}article li{overflow-wrap:anywhere}
time{color:var(--muted);font-variant-numeric:tabular-nums}
li.here{color:var(--bad);font-weight:600}
pre{background:var(--soft);border-radius:4px;padding:.5rem .8rem;overflow-x:auto;margin:.3rem 0}
pre,code{font-family:ui-monospace,"Cascadia Mono","DejaVu Sans Mono",monospace;font-size:.88rem}
code{overflow-wrap:anywhere}
a{color:var(--link)}
.wide{overflow-x:auto}.wide svg{min-width:34rem}
@media (max-width:32rem){dl{grid-template-columns:1fr;gap:0}dd{margin-bottom:.4rem}}
@media print{article{border-left-width:2px}.wide{overflow:visible}}
)";

std::string worth(const Caption& caption) {
  if (!caption.badge.empty()) return "badge: " + caption.badge;
  return fmt::format("{} point{}", caption.points, caption.points == 1 ? "" : "s");
}

/// Unset where empty: a section of that name is left out then.
void set(data& into, const std::string& name, const std::string& text) {
  if (!text.empty()) into.set(name, text);
}

data steps_of(const Verdict& verdict, std::size_t first) {
  data steps(data::type::list);
  for (std::size_t i = first; i < verdict.steps.size(); ++i) {
    data step;
    step.set("time", fmt::format("{:.3f}", verdict.steps[i].time));
    step.set("text", verdict.steps[i].text);
    const bool last = i + 1 == verdict.steps.size() && verdict.outcome == Outcome::failed;
    step.set("here", last ? data::type::bool_true : data::type::bool_false);
    steps.push_back(step);
  }
  return steps;
}

void quote(data& printed, const std::string& what, const std::string& text) {
  if (text.empty()) return;
  const Excerpt excerpt = last_lines(text);
  data one;
  one.set("what", what);
  if (excerpt.left_out > 0) one.set("cut", std::to_string(most_lines));
  std::string lines;
  for (const std::string_view line : excerpt.lines) lines += std::string(line) + "\n";
  one.set("text", lines);
  printed.push_back(one);
}

data programs_of(const Verdict& verdict) {
  data programs(data::type::list);
  for (const ProgramRecord& program : verdict.programs) {
    data one;
    one.set("host", program.host);
    one.set("command", program.command);
    one.set("end", program.end);
    data printed(data::type::list);
    quote(printed, "it printed", program.output);
    quote(printed, "on standard error", program.errors);
    one.set("printed", printed);
    programs.push_back(one);
  }
  return programs;
}

void add_failure(data& page, const Verdict& verdict, const Caption& caption) {
  set(page, "expected", verdict.expected);
  set(page, "actual", verdict.actual);
  const std::size_t first = verdict.steps.size() > most_steps ? verdict.steps.size() - most_steps : 0;
  page.set("has_steps", verdict.steps.empty() ? data::type::bool_false : data::type::bool_true);
  if (first > 0) page.set("earlier", std::to_string(first));
  page.set("first", std::to_string(first + 1));
  page.set("steps", steps_of(verdict, first));
  set(page, "ladder", ladder_svg(LadderPlan(verdict.frames), caption.title, false));
  page.set("programs", programs_of(verdict));
  set(page, "cause", verdict.cause);
  set(page, "concept", caption.concept_name);
  set(page, "slide", caption.slide);
  set(page, "address", caption.slide_address);
  if (!verdict.evidence.empty()) page.set("packets", captures_of(verdict));
}

}  // namespace

std::string explain_html(const Verdict& verdict, const Caption& caption) {
  const bool failed = verdict.outcome != Outcome::inconclusive;
  data page;
  page.set("outcome", std::string(to_string(verdict.outcome)));
  page.set("mark", failed ? "✗" : "?");
  page.set("title", caption.title);
  page.set("check", verdict.check);
  page.set("worth", worth(caption));
  page.set("seed", std::to_string(verdict.seed));
  if (failed) {
    add_failure(page, verdict, caption);
  } else {
    set(page, "reason", verdict.reason);
  }
  set(page, "again", caption.rerun);
  mustache::mustache drawing(article);
  return drawing.render(page);
}

std::string explanation_style() { return std::string(style) + std::string(Svg::style_sheet()); }

}  // namespace wirelab
