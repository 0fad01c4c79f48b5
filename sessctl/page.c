#include <sodium.h>
#include <string.h>

#include "common/sha256.h"
#include "sessctl/page.h"

/* The colours are those of Okabe and Ito, which people with any kind of sight tell apart; a verdict
 * has a sign and a word besides its colour. */
static const char style[] =
	":root{color-scheme:light dark;--ink:#1c2128;--soft:#5b6570;--line:#d5dae0;--faint:#eceff2;"
	"--page:#fff;--panel:#f6f7f9;--first:#0072b2;--second:#d55e00;--third:#00755a;--level:#"
	"6c88a6;"
	"--good:#00674f;--bad:#b34700}"
	"@media(prefers-color-scheme:dark){:root{--ink:#e4e8ec;--soft:#9aa5b1;--line:#39424c;"
	"--faint:#232a32;--page:#12161b;--panel:#1a2027;--first:#56b4e9;--second:#ef8a45;"
	"--third:#35b896;--level:#7d93ab;--good:#4cc9a7;--bad:#f59b5e}}"
	"*{box-sizing:border-box}"
	"body{margin:0;background:var(--page);color:var(--ink);"
	"font:15px/1.5 system-ui,-apple-system,\"Segoe UI\",\"Noto Sans\",\"DejaVu "
	"Sans\",sans-serif}"
	"main{max-width:64rem;margin:0 auto;padding:2.5rem 1.5rem 4rem}"
	"h1,p{overflow-wrap:anywhere}h1{font-size:1.75rem;line-height:1.2;margin:0 0 "
	".25rem;letter-spacing:-.01em}"
	"h2{font-size:1.2rem;line-height:1.3;margin:3rem 0 .5rem;padding-top:.75rem;"
	"border-top:1px solid var(--line)}"
	"h3{font-size:1rem;margin:2rem 0 .25rem}"
	"p{margin:.25rem 0 .75rem;max-width:46rem}"
	"a{color:var(--first)}"
	".soft,.lead{color:var(--soft)}"
	".tiles{display:grid;grid-template-columns:repeat(6,1fr);gap:1px;"
	"margin:1.5rem 0;background:var(--line);border:1px solid var(--line)}"
	".tiles div{background:var(--page);padding:.75rem 1rem}"
	".tiles dt{color:var(--soft);font-size:.8rem}"
	".tiles dd{margin:0;font-size:1.35rem;font-variant-numeric:tabular-nums}"
	"nav{display:flex;flex-wrap:wrap;gap:.25rem 1.1rem;font-size:.875rem;margin:0 0 .75rem}"
	"#ledger h2{border:0;margin-top:1.5rem}section,article{scroll-margin-top:3.5rem}"
	".scroll{overflow-x:auto}"
	"table{border-collapse:collapse;width:100%;margin:.5rem 0 1rem;font-size:.875rem;"
	"font-variant-numeric:tabular-nums}"
	"caption{text-align:left;color:var(--soft);padding:.25rem 0;caption-side:top}"
	"th,td{text-align:left;vertical-align:top;padding:.3rem .75rem .3rem 0;"
	"border-bottom:1px solid var(--faint);overflow-wrap:anywhere}"
	"th{font-weight:600;color:var(--soft);border-bottom-color:var(--line);white-space:nowrap}"
	"th.n,td.n{text-align:right;white-space:nowrap;padding-right:1.25rem}"
	"th,td{min-width:4.5rem}td.t{white-space:nowrap}td.long{min-width:12rem}"
	"td:last-child,th:last-child{padding-right:0}"
	".verdict{white-space:nowrap;font-weight:600}"
	".verdict.wrong{white-space:normal}.supported{color:var(--good)}.exceptions,.wrong{color:"
	"var(--bad)}.nodata{color:var(--soft)"
	"}"
	".statement{background:var(--panel);border-left:3px solid var(--line);padding:.6rem .9rem;"
	"margin:.5rem 0 1rem;font-size:.875rem;overflow-wrap:anywhere}"
	".statement p{margin:.1rem 0;max-width:none}"
	".statement.good{border-color:var(--good)}.statement.bad{border-color:var(--bad)}"
	"svg.chart{display:block;width:100%;min-width:40rem;height:auto;margin:.5rem 0}"
	"svg "
	"text{fill:var(--ink);font-size:13px;font-family:inherit;font-variant-numeric:tabular-nums}"
	"svg .end{text-anchor:end}svg .soft{fill:var(--soft)}svg .head{font-weight:600}"
	"svg .axis{stroke:var(--line)}svg .grid{stroke:var(--faint)}"
	"svg .first{fill:var(--first)}svg .second{fill:var(--second)}svg .third{fill:var(--third)}"
	"svg .level{fill:var(--level)}"
	".legend{font-size:.8rem;color:var(--soft);margin:.25rem 0}"
	".key{print-color-adjust:exact;-webkit-print-color-adjust:exact;display:inline-block;width:"
	".7rem;height:.7rem;margin:0 .35rem 0 0}"
	".key~.key{margin-left:1rem}.key.first{background:var(--first)}"
	".key.second{background:var(--second)}"
	"details{margin:.25rem 0 1rem}summary{cursor:pointer;color:var(--soft);font-size:.875rem}"
	":focus-visible{outline:2px solid var(--first);outline-offset:2px}"
	"#filter{position:sticky;top:0;z-index:1;background:var(--page);"
	"border-bottom:1px solid var(--line);padding:.6rem 0;display:flex;flex-wrap:wrap;"
	"gap:.4rem 1rem;align-items:baseline;font-size:.875rem}"
	"#filter[hidden]{display:none}"
	"#filter input[type=search]{font:inherit;color:inherit;background:var(--page);"
	"border:1px solid var(--line);border-radius:3px;padding:.3rem "
	".5rem;width:16rem;max-width:100%}"
	".control{break-inside:avoid-page}"
	"@media(max-width:56rem){.tiles{grid-template-columns:repeat(3,1fr)}}"
	"@media(max-width:40rem){.tiles{grid-template-columns:repeat(2,1fr)}main{padding:1.25rem "
	"1rem 3rem}h1{font-size:1.4rem}}"
	"@media print{:root{color-scheme:light;--ink:#000;--soft:#444;--line:#999;--faint:#ddd;"
	"--page:#fff;--panel:#fff;--first:#0072b2;--second:#d55e00;--third:#00755a;--level:#6c88a6;"
	"--good:#00674f;--bad:#b34700}"
	"@page{margin:16mm "
	"14mm}body{font-size:10pt}main{max-width:none;padding:0}#filter,nav{display:none}.tiles{"
	"grid-template-columns:repeat(6,1fr)}.tiles dd{font-size:12pt}"
	"h2{margin-top:1.5rem;break-after:avoid}h3{break-after:avoid}tr,svg.chart{break-inside:"
	"avoid}"
	"thead{display:table-header-group}svg.chart{min-width:0}.scroll{overflow:visible}"
	"summary{list-style:none}a{color:inherit;text-decoration:none}"
	"table{font-size:8pt}.fill{-webkit-print-color-adjust:exact;print-color-adjust:exact}}";

static const char script[] =
	"'use strict';(function(){"
	"var bar=document.getElementById('filter'),find=document.getElementById('find'),"
	"only=document.getElementById('only'),said=document.getElementById('found'),"
	"rows=Array.from(document.querySelectorAll('tbody tr'));"
	"rows.forEach(function(r){r.words=r.textContent.toLowerCase()});"
	"function apply(){var n=0,words=find.value.toLowerCase().split(/\\s+/).filter(Boolean);"
	"rows.forEach(function(r){var ok=words.every(function(w){return r.words.indexOf(w)>=0})&&"
	"!(only.checked&&r.dataset.verdict&&r.dataset.verdict!=='exceptions');"
	"r.hidden=!ok;if(ok)n++});"
	"document.querySelectorAll('.control').forEach(function(c){"
	"c.hidden=only.checked&&c.dataset.verdict!=='exceptions'});"
	"if(words.length)document.querySelectorAll('details').forEach(function(d){"
	"if(d.querySelector('tbody tr:not([hidden])'))d.open=true});"
	"said.textContent=words.length||only.checked?n+' of '+rows.length+' rows':''}"
	"find.addEventListener('input',apply);only.addEventListener('change',apply);"
	"var closed=[];"
	"addEventListener('beforeprint',function(){closed=Array.from(document.querySelectorAll("
	"'details:not([open])'));closed.forEach(function(d){d.open=true})});"
	"addEventListener('afterprint',function(){closed.forEach(function(d){d.open=false})});"
	"bar.hidden=false})();";

/* `sha256-…`, as a policy of content names what it allows. */
static void print_hash(FILE *out, const char *text)
{
	char base64[sodium_base64_ENCODED_LEN(SHA256_BYTES, sodium_base64_VARIANT_ORIGINAL)];
	uint8_t hash[SHA256_BYTES];

	sha256(text, strlen(text), hash);
	sodium_bin2base64(
		base64, sizeof(base64), hash, sizeof(hash), sodium_base64_VARIANT_ORIGINAL);
	fprintf(out, "'sha256-%s'", base64);
}

void page_begin(FILE *out, const char *title)
{
	fputs("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
	      "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
	      "style-src ",
		out);
	print_hash(out, style);
	fputs("; script-src ", out);
	print_hash(out, script);
	fputs("; base-uri 'none'; form-action 'none'\">\n"
	      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
	      "<meta name=\"referrer\" content=\"no-referrer\">\n",
		out);
	fprintf(out, "<title>%s</title>\n<style>%s</style>\n</head>\n<body>\n<main>\n", title,
		style);
}

void page_filter(FILE *out)
{
	fputs("<div id=\"filter\" role=\"search\" hidden>\n"
	      "<label for=\"find\">Show rows with</label> "
	      "<input type=\"search\" id=\"find\" autocomplete=\"off\" spellcheck=\"false\" "
	      "placeholder=\"a user, an address, a reason \u2026\">\n"
	      "<label><input type=\"checkbox\" id=\"only\"> only controls with exceptions</label>\n"
	      "<output id=\"found\" class=\"soft\" aria-live=\"polite\"></output>\n</div>\n",
		out);
}

void page_end(FILE *out)
{
	fprintf(out, "</main>\n<script>%s</script>\n</body>\n</html>\n", script);
}
