/* style -- the style sheet: one column, quiet greys, two colours that people
 * who see fewer tell apart, in light and dark; narrow screens; paper.
 *
 * Charts come in two widths, .wide and .narrow, so that their letters have the
 * size of the text on a telephone, too; one of them is shown.
 * Heat is seven steps of one blue, q0 (least) to q6.
 */
#include "page/page.h"

static const char *const rules[] = {
    ":root{color-scheme:light dark;--bg:#fff;--ink:#1b1f24;--soft:#57606a;--line:#d0d7de;--grid:#e8ebef;"
    "--a:#0b64a8;--b:#b34d06;"
    "--c:#6b747d;--card:#f6f8fa;--q0:#edf4fa;--q1:#d3e5f4;--q2:#aed1ec;--q3:#7fb6e0;--q4:#4d97cf;--q5:#1c69a8;"
    "--q6:#0a3c6b;"
    "--hot:#fff;--t3:#10161c}\n",
    "@media screen and (prefers-color-scheme:dark){:root{--bg:#11151a;--ink:#e4e8ec;--soft:#9ba6b1;--line:#3a434d;"
    "--grid:#242b33;--a:#63b3ee;--b:#f0a25a;--c:#8b959f;--card:#1a2027;--q0:#16222d;--q1:#1a3348;--q2:#1f4767;"
    "--q3:#2a628f;"
    "--q4:#3f86bf;--q5:#7fb9e6;--q6:#c7e3f9;--hot:#0b1117;--t3:#fff}}\n",
    "*{box-sizing:border-box}\n",
    "html{-webkit-text-size-adjust:100%;text-size-adjust:100%}\n",
    "body{margin:0 auto;padding:2rem 1.25rem 4rem;max-width:52rem;background:var(--bg);color:var(--ink);"
    "font:16px/1.5 system-ui,-apple-system,\"Segoe UI\",Roboto,\"Helvetica Neue\",Arial,sans-serif;"
    "font-variant-numeric:tabular-nums;overflow-wrap:anywhere}\n",
    "header p.over{margin:0;color:var(--soft);font-size:.875rem}\n",
    "h1{margin:.25rem 0 .75rem;font-size:1.75rem;line-height:1.2;font-weight:650;letter-spacing:-.01em;"
    "text-wrap:balance}\n",
    "h2{margin:3.25rem 0 .75rem;font-size:1.25rem;line-height:1.3;font-weight:650}\n",
    "h3{margin:1.75rem 0 .5rem;font-size:1rem;font-weight:650}\n",
    "p,ul,ol{margin:.5rem 0 .75rem;max-width:42rem}\n",
    "ul,ol{padding-left:1.25rem}\n",
    ".lead{font-size:1.0625rem}\n",
    ".note,figcaption,caption{color:var(--soft);font-size:.875rem}\n",
    ".warn{border-left:3px solid var(--b);padding-left:.75rem}\n",
    "a{color:var(--a)}\n",
    "nav{margin:1rem 0 0;font-size:.875rem}nav a{margin-right:1rem;white-space:nowrap}\n",
    "dl.facts{display:grid;grid-template-columns:repeat(auto-fit,minmax(9rem,1fr));gap:.75rem 1.25rem;"
    "margin:1.25rem 0 0}\n",
    "dl.facts dt{color:var(--soft);font-size:.8125rem}dl.facts dd{margin:0;font-weight:600;line-height:1.35;"
    "text-wrap:balance}\n",
    "figure{margin:1.25rem 0}figcaption{margin-top:.25rem;max-width:42rem}\n",
    ".pair{display:grid;grid-template-columns:1fr 1fr;gap:1rem 1.25rem}\n",
    "svg{display:block;max-width:100%;height:auto;overflow:visible}\n",
    ".narrow{display:none}\n",
    "svg text{font-size:13px;fill:var(--ink)}\n",
    ".tick text,text.axis{fill:var(--soft);font-size:12px}\n",
    "text.what{font-weight:600}\n",
    "text.label{paint-order:stroke;stroke:var(--bg);stroke-width:4px;stroke-linejoin:round}\n",
    "text.label.a{fill:var(--a)}text.label.b{fill:var(--b)}text.label.c{fill:var(--soft)}\n",
    ".grid path{stroke:var(--grid)}path.base{stroke:var(--c);fill:none}\n",
    ".line{fill:none;stroke-width:2;stroke-linejoin:round}.line.a{stroke:var(--a)}.line.b{stroke:var(--b)}\n",
    ".line.c{stroke:var(--c);stroke-width:1.25;stroke-dasharray:4 3}\n",
    ".band{stroke:none;opacity:.2}.band.a{fill:var(--a)}.band.b{fill:var(--b)}\n",
    ".dots{fill:none;stroke-linecap:round;stroke-width:4;opacity:.7}.dots.a{stroke:var(--a)}.dots.c{stroke:var(--c)}\n",
    ".rule{fill:none;stroke:var(--c);stroke-dasharray:2 3}\n",
    ".whisker{fill:none;stroke-width:1.25;stroke:var(--c)}.whisker.a{stroke:var(--a)}.whisker.b{stroke:var(--b)}\n",
    "circle.a{fill:var(--a)}circle.b{fill:var(--b)}circle.c{fill:var(--bg);stroke:var(--c);stroke-width:1.5}\n",
    ".scroll{overflow-x:auto;margin:.75rem 0 1.25rem}\n",
    "table{border-collapse:collapse;font-size:.8125rem;line-height:1.35}\n",
    "caption{text-align:left;padding:0 0 .4rem}\n",
    "th,td{padding:.3rem .7rem .3rem 0;text-align:left;vertical-align:top;border-bottom:1px solid var(--grid);"
    "overflow-wrap:normal;white-space:nowrap}\n",
    "thead th{color:var(--soft);font-weight:500;border-bottom:1px solid var(--line);vertical-align:bottom}\n",
    "tbody th{font-weight:500}\n",
    ".n{text-align:right}\n",
    "td.wrap,th.wrap{white-space:normal;overflow-wrap:anywhere}\n",
    "table.full{width:100%}td.bar{width:45%;min-width:7rem;vertical-align:middle}td.bar svg{width:100%;height:14px}\n",
    "th.op{padding-top:1rem;font-weight:650;border-bottom-color:var(--line)}.u{white-space:nowrap}"
    "code.sha{display:block;"
    "font-weight:400;color:var(--soft);font-size:.6875rem;overflow-wrap:anywhere;white-space:normal}\n",
    "th.file{min-width:28rem}\n",
    ".bar rect.a{fill:var(--a)}.bar rect.room{fill:var(--grid)}.bar line{stroke:var(--ink);stroke-width:1.25}\n",
    "table.heat{border-collapse:separate;border-spacing:2px;font-size:.8125rem}\n",
    "table.heat th,table.heat td{border:0;padding:.2rem .45rem}table.heat thead th{font-weight:500}\n",
    "table.heat td{text-align:right;border-radius:2px;min-width:3.2rem}\n",
        ".q0,.q1,.q2{color:var(--ink)}.q3{color:var(--t3)}.q4{color:#10161c}.q5,.q6{color:var(--hot)}"
    ".kept{color:var(--soft)}\n",
    ".q0{background:var(--q0)}.q1{background:var(--q1)}.q2{background:var(--q2)}.q3{background:var(--q3)}\n",
    ".q4{background:var(--q4)}.q5{background:var(--q5)}.q6{background:var(--q6)}\n",
    ".key span{display:inline-block;padding:.05rem .5rem;margin-right:2px;border-radius:2px;font-size:.75rem}\n",
    "pre,code{font:0.8125rem/1.45 ui-monospace,SFMono-Regular,Menlo,Consolas,monospace}\n",
    "pre{margin:.5rem 0 1rem;padding:.75rem 1rem;background:var(--card);border-radius:6px;white-space:pre-wrap;"
    "overflow-wrap:anywhere}\n",
    "pre.lines{white-space:normal}pre.lines code{display:block;padding-left:1.5rem;text-indent:-1.5rem}"
    "pre.lines span{display:inline-block;text-indent:0;max-width:100%}\n",
    "blockquote{margin:.75rem 0 1rem;padding:0 0 0 1rem;border-left:3px solid var(--line);white-space:pre-wrap}\n",
    "blockquote b{font-weight:400;color:var(--soft)}\n",
    "details{margin:.5rem 0 1rem}summary{cursor:pointer;color:var(--a)}\n",
    "footer{margin-top:3rem;color:var(--soft);font-size:.8125rem}\n",
    "@media screen and (max-width:51rem){body{padding:1.25rem 1rem 3rem}h1{font-size:1.4375rem}.wide{display:none}"
    ".narrow{display:block}.pair{grid-template-columns:1fr}dl.facts{grid-template-columns:1fr 1fr}"
    "table.bars thead{display:none}table.bars tr{display:grid;grid-template-columns:1fr 3.25rem 6.25rem 4.25rem;"
    "border-bottom:1px solid var(--grid)}table.bars th,table.bars td{border:0}table.bars th,table.bars td.wrap{"
    "grid-column:1/-1;padding-bottom:0}table.bars td.bar{width:auto;min-width:0}th.file{min-width:17rem}}\n",
    "@media print{@page{margin:16mm}body{max-width:none;padding:0;font-size:10.5pt}nav,summary{display:none}"
    "details::details-content{content-visibility:visible;display:block;height:auto}"
    "h2,h3{break-after:avoid}figure,tr,blockquote{break-inside:avoid}thead{display:table-header-group}"
    ".scroll{overflow:visible}"
    "table{font-size:7.5pt}th.file{min-width:0}details.more{display:none}*{print-color-adjust:exact;"
    "-webkit-print-color-adjust:exact}}\n",
};

void nyx_page_style(nyx_page *page)
{
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++)
        nyx_page_markup(page, rules[i]);
}
