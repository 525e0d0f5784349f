/** Events of somebody who wants the page to run, load or show what it must not. */
import { forwarded, throughRsyslog } from './send';

/** Each tries to call `xss`, to load from 192.0.2.1, or to hide and turn its neighbours. */
export const CORPUS: readonly string[] = [
  '<script>xss(1)</script>',
  '<img src=x onerror=xss(2)>',
  '"><svg onload=xss(3)>',
  "'><img src=x onerror='xss(4)'>",
  '<svg><script>xss(5)</script><animate onbegin=xss(5) attributeName=x></svg>',
  '<iframe src="javascript:parent.xss(6)" srcdoc="<script>parent.xss(6)</script>"></iframe>',
  '<a href="javascript:xss(7)" class="xss">press me</a>',
  'javascript:xss(8)//',
  '<body onload=xss(9)>',
  '<details open ontoggle=xss(10)>more</details>',
  '<input autofocus onfocus=xss(11)>',
  '<video><source onerror=xss(12)></video><audio src=x onerror=xss(12)>',
  '<math><mtext></mtext><mglyph><style><img src=x onerror=xss(13)></style></math>',
  '<template><img src=x onerror=xss(14)></template>',
  '<style>*{background:url("http://192.0.2.1/x")}</style>',
  '<link rel=stylesheet href=http://192.0.2.1/x.css>',
  '<base href=http://192.0.2.1/>',
  '<meta http-equiv=refresh content="0;url=http://192.0.2.1/">',
  '<object data="data:text/html,<script>xss(19)</script>"></object>',
  '<embed src="javascript:xss(20)">',
  '<form action="http://192.0.2.1/"><button class="xss">send</button></form>',
  '&lt;img src=x onerror=xss(22)&gt; &amp; &quot;',
  '&#60;script&#62;xss(23)&#60;/script&#62;',
  '{{constructor.constructor("xss(24)")()}}',
  // biome-ignore lint/suspicious/noTemplateCurlyInString: it is what a template would fill in.
  '${xss(25)} <%= xss(25) %> #{xss(25)}',
  ']]>--><script>xss(26)</script>',
  '</title></textarea></style></script><img src=x onerror=xss(27)>',
  'x" onmouseover="xss(28)" style="position:fixed;inset:0',
  '\u202egnp.exe\u202c \u2066isolated\u2069 \u061cmark',
  'bell\u0007 nul\u0000 esc\u001b[31mred\u001b[0m del\u007f next\u0085line',
  'zero\u200bwidth\u200djoined\ufeffmark\u2060word',
  '\u001b]0;title\u0007\u001b]8;;http://192.0.2.1\u001b\\link\u001b]8;;\u001b\\',
  'half \ud83d of a pair, \ude00 and the other',
  '__proto__',
  'constructor',
  'toString',
  'x" OR * -("a:b" \\',
  '%3Cscript%3Exss(37)%3C/script%3E ../../#/settings?q=<b>',
  'line\u2028separator\u2029paragraph',
  `Z${'\u0336\u0317\u030d'.repeat(60)}algo`,
  `${'W'.repeat(300)}`,
];

const LINE_BYTES = 64 * 1024;
const FIELDS = 10_000;
/** An event has at most so many custom fields. */
const FIELDS_OF_ONE = 1000;
const DEEP = 1000;

function big(): object[] {
  const keys = Array.from({ length: FIELDS }, (_, i) => [`key ${i}`, i] as const);
  const many = Array.from({ length: FIELDS / FIELDS_OF_ONE }, (_, part) => ({
    message: `part ${part} of very many fields`,
    ...Object.fromEntries(keys.slice(part * FIELDS_OF_ONE, (part + 1) * FIELDS_OF_ONE)),
  }));
  return [
    { message: 'x'.repeat(LINE_BYTES) },
    { message: '<b>'.repeat(LINE_BYTES / 3) },
    { message: 'a b '.repeat(LINE_BYTES / 4) },
    { message: '\u0000\u202e'.repeat(1000) },
    { message: '\n'.repeat(1000) },
    { message: JSON.stringify(Object.fromEntries(keys)) },
    { message: `${'{"a":'.repeat(DEEP)}1${'}'.repeat(DEEP)}` },
    { message: `${'['.repeat(DEEP)}${']'.repeat(DEEP)}` },
    ...many,
  ];
}

/** What finds all of them but those that came through rsyslog. */
export const HOSTILE = 'hostile:*';

/** Sends each as host, program, message, tag, name and value of a field. Returns how many events that makes. */
export async function sendHostile(): Promise<number> {
  const small = CORPUS.map((v, n) => ({
    source: v,
    app_name: v,
    procid: v,
    message: `${v} in message ${n}`,
    tags: [v],
    [v]: v,
    list: CORPUS.slice(0, 5),
    hostile: n,
  }));
  const large = big().map((event, n) => ({ source: 'big', app_name: 'big', hostile: 1000 + n, ...event }));
  const lines = CORPUS.filter((v) => !/[\u0000\ud800-\udfff]/.test(v)).map((v) => ({
    severity: 4,
    host: v.replace(/[\u0000-\u0020]/g, '_').slice(0, 200),
    app: v.replace(/[\u0000-\u0020]/g, '_').slice(0, 40),
    data: `[hostile@32473 v="${v.replace(/["\\\]]/g, '\\$&')}"]`,
    message: v,
  }));
  await forwarded([...small, ...large]);
  await throughRsyslog(lines);
  return small.length + large.length + lines.length;
}
