// SPDX-License-Identifier: Apache-2.0
#include "report/sections.h"

namespace hone::report {

std::string_view style() {
    return R"css(
:root{--page:#f6f7f9;--card:#fff;--ink:#16191d;--soft:#5b6470;--faint:#8a93a0;--line:#e3e6ea;--rail:#eceff2;
--old:#9aa5b4;--new:#1f6feb;--good:#17794a;--good-bg:#e3f4ea;--bad:#a4491b;--bad-bg:#fbeade;--limit:#c4362f;--beyond:rgba(196,54,47,.07);
--shadow:0 1px 2px rgba(20,25,35,.05),0 4px 16px rgba(20,25,35,.04)}
@media (prefers-color-scheme:dark){:root{--page:#101317;--card:#181c22;--ink:#e7eaee;--soft:#a2acb8;--faint:#76808d;--line:#2a3038;--rail:#252b33;
--old:#667282;--new:#5b9dff;--good:#5fcf95;--good-bg:#143325;--bad:#f0a070;--bad-bg:#3a2417;--limit:#ff7b72;--beyond:rgba(255,123,114,.09);--shadow:none}}
*{box-sizing:border-box}
html{-webkit-text-size-adjust:100%}
body{margin:0;background:var(--page);color:var(--ink);font:16px/1.55 system-ui,-apple-system,"Segoe UI",Roboto,"Liberation Sans",sans-serif;font-variant-numeric:tabular-nums}
main{max-width:1020px;margin:0 auto;padding:48px 28px 64px}
h1{font-size:44px;line-height:1.12;letter-spacing:-.022em;margin:10px 0 12px;font-weight:700;text-wrap:balance}
h2{font-size:21px;line-height:1.3;letter-spacing:-.01em;margin:0 0 8px;font-weight:650}
h3{font-size:14px;margin:28px 0 10px;color:var(--soft);font-weight:600}
p{margin:0 0 12px;max-width:80ch;text-wrap:pretty}
.lead{font-size:19px;line-height:1.5}
.quiet,.small,.caption{color:var(--soft)}
.small{font-size:13px}.caption{font-size:13.5px;margin:10px 0 0}
header{margin-bottom:28px}
.eyebrow{display:flex;flex-wrap:wrap;gap:6px 12px;align-items:center;color:var(--soft);font-size:14px;margin:0;overflow-wrap:anywhere}
.badge{font-weight:650;font-size:13px;padding:3px 11px;border-radius:99px}
.badge.good{background:var(--good-bg);color:var(--good)}.badge.bad{background:var(--bad-bg);color:var(--bad)}
section,.card,.note{background:var(--card);border:1px solid var(--line);border-radius:14px;box-shadow:var(--shadow)}
section{padding:28px;margin-top:20px}
.cards{display:grid;grid-template-columns:repeat(3,1fr);gap:16px}
.card{padding:18px 20px 16px}
.card h3{margin:0 0 12px}
.pair{display:flex;justify-content:space-between;align-items:last baseline;gap:12px}
.pair div{display:flex;flex-direction:column}
.pair div+div{text-align:right}
.old{font-size:19px;color:var(--soft);line-height:1.35}.pair div:only-child .old{color:var(--ink);font-size:27px}
.new{font-size:27px;font-weight:650;letter-spacing:-.015em;line-height:1.2}
.bars{margin-top:12px;display:grid;gap:4px}
.change{margin:10px 0 0;font-size:14px;color:var(--soft)}.change.good{color:var(--good);font-weight:600}
.note{padding:14px 18px;margin-top:14px;font-size:15px;overflow-wrap:anywhere}.note.warn{background:var(--bad-bg);border-color:transparent}
.note ul{margin:6px 0 0;padding-left:20px}.path{display:block;margin-top:4px}
code,pre,.code{font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,"Liberation Mono",monospace;font-size:13.5px}
.path,.code{overflow-wrap:anywhere;color:var(--soft)}
pre{background:var(--page);border:1px solid var(--line);border-radius:10px;padding:14px 16px;margin:12px 0 18px;white-space:pre-wrap;overflow-wrap:anywhere}
svg{display:block;width:100%}
.bar{height:8px}.bar .rail{fill:var(--rail)}.bar.before .fill{fill:var(--old)}.bar.after .fill{fill:var(--new)}
.plot{height:100%;position:absolute;inset:0;overflow:visible}
.plot line{stroke:var(--line);stroke-width:1}
.plot .origin{stroke:var(--faint)}.plot .limit{stroke:var(--limit);stroke-width:1.5;stroke-dasharray:5 4}
.plot .beyond{fill:var(--beyond)}
.interval{margin:20px 0 0}
.heads{position:relative;height:22px;font-size:13px}
.heads span,.axis span,.strip span{position:absolute;transform:translateX(-50%);white-space:nowrap}
.heads .first,.axis .first,.strip .first{transform:none}.heads .last,.axis .last,.strip .last{transform:translateX(-100%)}
.head{color:var(--soft)}.head.limit{color:var(--limit);font-weight:600}
.track{position:relative;height:56px;border-bottom:1px solid var(--line);overflow:hidden}
.good .range{fill:var(--good);fill-opacity:.28}.good .estimate{fill:var(--good)}
.bad .range{fill:var(--bad);fill-opacity:.28}.bad .estimate{fill:var(--bad)}
.estimate{stroke:var(--card);stroke-width:2}
.axis{position:relative;height:24px;margin-top:6px;font-size:12.5px;color:var(--faint)}
.strip{position:relative;height:84px;border-bottom:1px solid var(--line);margin-top:4px}
.strip .before rect{fill:var(--old)}.strip .after rect{fill:var(--new)}
.plot .middle{stroke:var(--ink);stroke-opacity:.35}
.strip .name{top:2px;font-size:13px;font-weight:600;padding:0 6px;background:var(--card);border-radius:4px}
.curves{position:relative;height:180px;border-bottom:1px solid var(--line);margin-top:4px}
.curves span{position:absolute;left:0;transform:translateY(-100%);font-size:12.5px;color:var(--faint)}
.curves .first{stroke:var(--new);stroke-width:2;fill:var(--new)}.curves .second{stroke:var(--old);stroke-width:2;fill:var(--old)}
.legend span{margin-right:18px;font-weight:600}.legend .first{color:var(--new)}.legend .second{color:var(--soft)}
.samples{display:flex;flex-wrap:wrap;gap:18px}.samples figure{margin:0;flex:1 1 240px;max-width:460px}.samples img{width:100%;image-rendering:pixelated;border-radius:6px}
.facts{display:flex;flex-wrap:wrap;gap:14px 36px;margin:18px 0 6px}
.facts div{display:flex;flex-direction:column}.facts b{font-size:20px;font-weight:650;line-height:1.3}.facts span{font-size:13.5px;color:var(--soft)}
.scroll{overflow-x:auto;margin-top:14px}
table{border-collapse:collapse;width:100%;font-size:14.5px}
th{font-weight:600;font-size:12.5px;color:var(--soft);text-align:left;padding:6px 10px;border-bottom:1px solid var(--line);white-space:nowrap}
td{padding:9px 10px;border-bottom:1px solid var(--line);vertical-align:top}
th:first-child,td:first-child{padding-left:0}th:last-child,td:last-child{padding-right:0}
tbody tr:last-child td{border-bottom:0}
.n{text-align:right;white-space:nowrap}
.layer{overflow-wrap:anywhere;min-width:170px}.layer b{font-weight:600}.layer .small{display:block}
.why{color:var(--soft);min-width:180px;font-size:14px;overflow-wrap:anywhere}
tr.picked td:first-child{font-weight:650}
.chip{display:inline-block;font-size:12.5px;padding:1px 9px;border-radius:99px;background:var(--rail);color:var(--soft);white-space:nowrap;max-width:100%;overflow:hidden;text-overflow:ellipsis}
.chip.on{background:var(--good-bg);color:var(--good);font-weight:600}
.chips{display:flex;flex-wrap:wrap;gap:6px;margin-top:6px}.chips .chip{white-space:normal}
.rows{display:grid;grid-template-columns:minmax(90px,max-content) 1fr max-content;gap:9px 14px;align-items:center;font-size:14px;margin-top:16px}
.rows .bar{height:12px}.rows .label{overflow-wrap:anywhere;max-width:260px}
.key{display:flex;flex-wrap:wrap;gap:4px 18px;font-size:13px;color:var(--soft);margin-top:12px}
.key span::before{content:"";display:inline-block;width:9px;height:9px;border-radius:50%;margin-right:6px;background:var(--old)}
.key .kept::before{background:var(--new)}.key .tried::before{background:none;box-shadow:inset 0 0 0 2px var(--old)}.key .right{margin-left:auto}.key .right::before{display:none}
.scatter{margin:18px 0 22px}.scatter .caption{margin:0 0 8px}
.field{position:relative;height:240px;border:1px solid var(--line);border-radius:8px;overflow:hidden}
.dot{fill:var(--card);stroke:var(--old);stroke-width:2}.dot.original{fill:var(--old)}.dot.kept{fill:var(--new);stroke:var(--card)}
.side{position:absolute;left:6px;font-size:12px;color:var(--faint);transform:translateY(-50%);background:var(--card);padding:0 3px;line-height:1.2}
.side.limit{color:var(--limit);font-weight:600;margin-right:6px}
.steps{list-style:none;margin:16px 0 0;padding:0;counter-reset:s}
.steps li{position:relative;padding:0 0 20px 44px;counter-increment:s}
.steps li::before{content:counter(s);position:absolute;left:0;top:-1px;width:27px;height:27px;border-radius:50%;background:var(--rail);color:var(--soft);font-size:13px;font-weight:600;display:grid;place-items:center}
.steps li:not(:last-child)::after{content:"";position:absolute;left:13px;top:32px;bottom:5px;width:1px;background:var(--line)}
.steps b{font-weight:600;margin-right:10px}.steps p{margin:2px 0 0;color:var(--soft);font-size:15px}.steps li:last-child{padding-bottom:0}
dl{margin:0}
.facts-list{display:grid;grid-template-columns:minmax(120px,max-content) 1fr;gap:7px 22px;font-size:14.5px}
.facts-list dt{color:var(--soft)}dd{margin:0;overflow-wrap:anywhere}
.words dt{font-weight:600;margin-top:10px}.words dd{color:var(--soft)}
.words{columns:2;column-gap:40px;font-size:14.5px}.words dt,.words dd{break-inside:avoid}.words dt{break-after:avoid}.words dt:first-child{margin-top:0}
details{margin-top:16px}summary{cursor:pointer;color:var(--new);font-size:14.5px;font-weight:600}details[open] summary{margin-bottom:8px}
details .scroll{margin-top:0}
footer{color:var(--faint);font-size:13px;margin-top:28px}
@media (max-width:640px){
main{padding:26px 14px 40px}h1{font-size:32px}.lead{font-size:17px}
section{padding:20px 16px;margin-top:14px}.cards{grid-template-columns:1fr;gap:10px}.card{padding:14px 16px}
.words{columns:1}.facts{display:grid;grid-template-columns:1fr 1fr;gap:12px 20px}
.facts-list{grid-template-columns:1fr;gap:0}.facts-list dd{margin-bottom:9px}
.rows{grid-template-columns:1fr max-content;grid-auto-flow:dense;gap:3px 10px}.rows .bar{grid-row:auto;grid-column:1/-1;margin-bottom:8px}.rows .label{grid-column:1;max-width:none}
.rows .n{grid-column:2}
.stack thead{display:none}.stack,.stack tbody{display:block}
.stack tr{display:grid;grid-template-columns:repeat(3,1fr);gap:8px 12px;padding:14px 0;border-bottom:1px solid var(--line)}.stack tr:last-child{border-bottom:0}
.stack td{display:block;border:0;padding:0;text-align:left;min-width:0}
.stack td::before{content:attr(data-label);display:block;color:var(--soft);font-size:12px;line-height:1.4}
.stack td.layer,.stack td.why,.stack td.wide{grid-column:1/-1}.stack td.layer{font-size:15.5px;font-weight:600}
.stack td.layer::before,.stack td.why::before{content:none}
.stack .layer .small{display:inline;margin-left:8px;font-weight:400}
}
@media print{section,.card{box-shadow:none;break-inside:avoid}body{background:none}}
)css";
}

}  // namespace hone::report
