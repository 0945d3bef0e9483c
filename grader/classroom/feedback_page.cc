#include "grader/classroom/feedback_page.hh"

#include <fmt/format.h>

#include <kainjow/mustache.hpp>

#include "grader/report/explanation_html.hh"

namespace wirelab {
namespace {

namespace mustache = kainjow::mustache;
using mustache::data;

// {{name}} is escaped, by mustache itself; {{{style}}} and {{{articles}}} are ours (explanation_html.cc).
constexpr const char* page_template = R"(<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{{student}}: feedback</title>
<style>{{{style}}}
body{background:var(--paper);color:var(--ink);font:1rem/1.5 system-ui,-apple-system,"Segoe UI","Noto Sans",sans-serif;max-width:58rem;margin:0 auto;padding:1rem}
h1{margin:.5rem 0 0}h2{margin:2.5rem 0 .5rem;padding-top:1rem;border-top:2px solid var(--line)}
table{border-collapse:collapse;width:100%;margin:.8rem 0}
th,td{text-align:left;vertical-align:top;padding:.3rem .6rem .3rem 0;border-bottom:1px solid var(--line);overflow-wrap:anywhere}
thead th{white-space:nowrap}td.points{text-align:right;white-space:nowrap;font-variant-numeric:tabular-nums}
td.verdict{white-space:nowrap}
.note{border-left:4px solid var(--open);padding-left:.8rem}
</style>
</head>
<body>
<header>
<h1>{{student}}</h1>
<p class="small">handed in as {{submission}}</p>
</header>
<main>
<table>
<thead><tr><th scope="col">Lab</th><th scope="col">Score</th><th scope="col">In a word</th></tr></thead>
<tbody>
{{#labs}}<tr><th scope="row"><a href="#lab-{{lab}}">{{lab}}</a></th><td>{{score}}</td><td>{{word}}{{#badges}}<br>badge: {{name}}{{/badges}}</td></tr>
{{/labs}}</tbody>
</table>
{{#notes}}<p class="note">{{note}}</p>
{{/notes}}{{#labs}}<section id="lab-{{lab}}">
<h2>{{lab}}: {{score}}, {{word}}</h2>
{{#lab_notes}}<p class="note">{{note}}</p>
{{/lab_notes}}{{#has_checks}}<table>
<thead><tr><th scope="col">Verdict</th><th scope="col">Points</th><th scope="col">What holds</th></tr></thead>
<tbody>
{{#checks}}<tr><td class="verdict"><span class="mark {{outcome}}">{{mark}}</span> {{verdict}}</td><td class="points">{{worth}}</td><td>{{title}}{{#said}}<p class="small">{{said}}</p>{{/said}}</td></tr>
{{/checks}}</tbody>
</table>
{{/has_checks}}{{#diagnostics}}<h3>What the compiler said</h3>
<pre tabindex="0">{{diagnostics}}</pre>
{{/diagnostics}}{{#articles}}<h3>What went wrong, and why</h3>
{{{articles}}}{{/articles}}</section>
{{/labs}}</main>
</body>
</html>
)";

void set(data& into, const std::string& name, const std::string& text) {
  if (!text.empty()) into.set(name, text);
}

data list_of(const std::vector<std::string>& texts, const std::string& name) {
  data list(data::type::list);
  for (const std::string& text : texts) list.push_back(data(name, text));
  return list;
}

data data_of(const CheckLine& line) {
  data check;
  const bool passed = line.outcome == Outcome::passed, failed = line.outcome == Outcome::failed;
  check.set("outcome", std::string(to_string(line.outcome)));
  check.set("mark", passed ? "✓" : failed ? "✗" : "?");
  check.set("verdict", passed ? "passed" : failed ? "failed" : "not judged");
  check.set("worth", line.badge.empty() ? std::to_string(line.points) : "badge");
  check.set("title", line.title);
  set(check, "said", line.said);
  return check;
}

data data_of(const LabResult& lab) {
  data one;
  one.set("lab", lab.lab);
  const std::string points = lab.standing == Standing::graded ? std::to_string(lab.points) : "?";
  one.set("score", fmt::format("{} of {} points", points, lab.most));
  one.set("word", lab.word);
  one.set("badges", list_of(lab.badges, "name"));
  one.set("lab_notes", list_of(lab.notes, "note"));
  one.set("has_checks", lab.checks.empty() ? data::type::bool_false : data::type::bool_true);
  data checks(data::type::list);
  for (const CheckLine& line : lab.checks) checks.push_back(data_of(line));
  one.set("checks", checks);
  set(one, "diagnostics", lab.diagnostics);
  set(one, "articles", lab.articles);
  return one;
}

}  // namespace

std::string feedback_page(const StudentResult& result) {
  data page;
  page.set("style", explanation_style());
  page.set("student", result.student);
  page.set("submission", result.submission);
  page.set("notes", list_of(result.notes, "note"));
  data labs(data::type::list);
  for (const LabResult& lab : result.labs) labs.push_back(data_of(lab));
  page.set("labs", labs);
  mustache::mustache drawing(page_template);
  return drawing.render(page);
}

}  // namespace wirelab
