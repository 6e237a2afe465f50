/*! nunchi-web 0.1.0 | Apache-2.0 */
"use strict";(()=>{var he={name:"nunchi-web",version:"0.1.0"};function j(){let{pathname:r,search:e,href:t}=location;return{path:r,url:t.split("#")[0],referrer:document.referrer,title:document.title,search:e}}function $(r,e){return{page:j(),locale:e||navigator.language,userAgent:navigator.userAgent,screen:{width:screen.width,height:screen.height,density:window.devicePixelRatio||1},timezone:fe(),library:he,sessionId:r}}function fe(){try{return Intl.DateTimeFormat().resolvedOptions().timeZone}catch{return}}function k(r,e=Math.random()){let t=Math.min(6e4,1e3*2**Math.max(0,r-1));return t/2+t/2*e}function W(r,e=Date.now()){if(!r)return 0;let t=/^\s*\d+(\.\d+)?\s*$/.test(r)?Number(r)*1e3:Date.parse(r)-e;return t>0?Math.min(t,36e5):0}function f(){let r=globalThis.crypto;if(typeof r?.randomUUID=="function")return r.randomUUID();let e=new Uint8Array(16);if(r?.getRandomValues)r.getRandomValues(e);else for(let i=0;i<16;i++)e[i]=Math.floor(Math.random()*256);return e[6]=e[6]&15|64,e[8]=e[8]&63|128,Array.from(e,i=>i.toString(16).padStart(2,"0")).join("").replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/,"$1-$2-$3-$4-$5")}var ge=["button","checkbox","color","file","image","radio","range","reset","submit"];function G(){let r=document.activeElement;for(;r?.shadowRoot?.activeElement;)r=r.shadowRoot.activeElement;return r}function X(){let r=G();if(!r||r===document.body)return document.designMode==="on";let e=r.localName;if(e==="input")return!ge.includes(r.type);if(e==="textarea"||e==="select"||e==="iframe")return!0;let t=r;return t.isContentEditable||t.closest("[contenteditable]:not([contenteditable=false])")!==null}function Z(r,e,t){r.preventDefault();let i=t.indexOf(e.activeElement),n=r.shiftKey?(i<=0?t.length:i)-1:(i+1)%t.length;t[n]?.focus()}var ve=["ar","arc","ckb","dv","fa","he","iw","ks","ps","sd","ug","ur","yi"],ye=/-(arab|hebr|thaa|syrc|nkoo|adlm)\b/i,be={ar:"\u0625\u063A\u0644\u0627\u0642",de:"Schlie\xDFen",en:"Close",es:"Cerrar",fa:"\u0628\u0633\u062A\u0646",fr:"Fermer",he:"\u05E1\u05D2\u05D9\u05E8\u05D4",id:"Tutup",it:"Chiudi",ja:"\u9589\u3058\u308B",ko:"\uB2EB\uAE30",nl:"Sluiten",pl:"Zamknij",pt:"Fechar",ru:"\u0417\u0430\u043A\u0440\u044B\u0442\u044C",th:"\u0E1B\u0E34\u0E14",tr:"Kapat",vi:"\u0110\xF3ng",zh:"\u5173\u95ED"};function ee(r){return r.toLowerCase().split(/[-_]/)[0]??""}function te(r){return r?ve.includes(ee(r))||ye.test(r)?"rtl":"ltr":getComputedStyle(document.documentElement).direction==="rtl"?"rtl":"ltr"}function ne(r){return be[ee(r||document.documentElement.lang||"en")]??"Close"}var q=`
:host {
  all: initial !important;
  position: fixed !important;
  inset: 0 auto auto 0 !important;
  width: 0 !important;
  height: 0 !important;
  z-index: 2147483647 !important;
}
*, *::before, *::after { box-sizing: border-box; }
.layer {
  --surface: #fff;
  --ink: #16181d;
  --soft-ink: #50555f;
  --line: rgba(22, 24, 29, .08);
  --quiet: #f1f2f4;
  --quiet-hover: #e6e8eb;
  --accent: var(--nunchi-accent, #16181d);
  --on-accent: var(--nunchi-on-accent, #fff);
  --focus: #2f6fed;
  color-scheme: light;
  position: fixed;
  inset: 0;
  width: 100%;
  height: 100%;
  max-width: none;
  max-height: none;
  margin: 0;
  border: 0;
  padding: max(16px, env(safe-area-inset-top)) max(16px, env(safe-area-inset-right))
    max(16px, env(safe-area-inset-bottom)) max(16px, env(safe-area-inset-left));
  display: flex;
  overflow: hidden;
  background: rgba(13, 15, 20, .5);
  color: var(--ink);
  font: 400 16px/1.55 var(--nunchi-font, system-ui, -apple-system, "Segoe UI", Roboto, "Pretendard",
    "Apple SD Gothic Neo", "Noto Sans KR", "Malgun Gothic", "Noto Sans", sans-serif);
  -webkit-font-smoothing: antialiased;
  -webkit-text-size-adjust: 100%;
  -webkit-tap-highlight-color: transparent;
  animation: shade .2s ease-out;
}
.layer::backdrop { background: transparent; }
.card {
  position: relative;
  display: flex;
  flex-direction: column;
  margin: auto;
  width: 100%;
  max-width: 408px;
  max-height: 100%;
  overflow: hidden;
  border-radius: var(--nunchi-radius, 20px);
  background: var(--surface);
  box-shadow: 0 0 0 1px var(--line), 0 2px 6px rgba(13, 15, 20, .08), 0 24px 64px -8px rgba(13, 15, 20, .32);
  animation: rise .2s cubic-bezier(.2, .8, .3, 1);
}
.content {
  flex: 0 1 auto;
  min-height: 0;
  overflow: hidden auto;
  overscroll-behavior: contain;
  scrollbar-width: thin;
  outline: none;
  /* Text that goes on below fades out; the padding keeps the last line clear of it. */
  -webkit-mask-image: linear-gradient(#000 calc(100% - 20px), transparent);
  mask-image: linear-gradient(#000 calc(100% - 20px), transparent);
}
.image { display: block; width: 100%; aspect-ratio: 16 / 9; object-fit: cover; background: var(--quiet); }
.text { padding: 28px 28px 22px; overflow-wrap: anywhere; hyphens: auto; white-space: pre-line; }
.text:lang(ko) { word-break: keep-all; hyphens: manual; }
.title { margin: 0; font-size: 20px; font-weight: 650; line-height: 1.35; letter-spacing: -.011em; text-wrap: balance; }
.title.beside-close { padding-inline-end: 28px; }
.body { margin: 8px 0 0; font-size: 15px; color: var(--soft-ink); text-wrap: pretty; }
.actions { flex: none; display: flex; flex-wrap: wrap; gap: 8px; padding: 4px 28px 28px; }
.action {
  -webkit-appearance: none;
  appearance: none;
  flex: 1 1 auto;
  display: flex;
  align-items: center;
  justify-content: center;
  min-width: 44px;
  max-width: 100%;
  min-height: 48px;
  margin: 0;
  padding: 10px 18px;
  border: 0;
  border-radius: calc(var(--nunchi-radius, 20px) * .6);
  background: var(--quiet);
  color: var(--ink);
  font-family: inherit;
  font-size: 15px;
  font-weight: 600;
  line-height: 1.3;
  text-align: center;
  text-decoration: none;
  overflow-wrap: anywhere;
  hyphens: auto;
  cursor: pointer;
  transition: background-color .12s, filter .12s;
  touch-action: manipulation;
  -webkit-user-select: none;
  user-select: none;
}
.action:lang(ko) { word-break: keep-all; }
.action.primary { background: var(--accent); color: var(--on-accent); }
.close {
  -webkit-appearance: none;
  appearance: none;
  position: absolute;
  top: 8px;
  inset-inline-end: 8px;
  display: grid;
  place-items: center;
  width: 44px;
  height: 44px;
  margin: 0;
  padding: 0;
  border: 0;
  border-radius: 50%;
  background: none;
  color: var(--soft-ink);
  cursor: pointer;
  touch-action: manipulation;
}
.close svg {
  width: 32px;
  height: 32px;
  padding: 9px;
  border-radius: 50%;
  fill: none;
  stroke: currentColor;
  stroke-width: 2;
  stroke-linecap: round;
  transition: background-color .12s;
}
.close.over-image { color: #fff; }
.close.over-image svg { background: rgba(13, 15, 20, .55); }
.action:focus-visible { outline: 2px solid var(--focus); outline-offset: 2px; }
.close:focus-visible { outline: none; }
.close:focus-visible svg { outline: 2px solid var(--focus); outline-offset: 2px; }
.close.over-image:focus-visible svg { outline-color: #fff; }
@media (hover: hover) {
  .action:hover { background: var(--quiet-hover); }
  .action.primary:hover { background: var(--accent); filter: brightness(1.15); }
  .close:hover svg { background: var(--quiet); }
  .close.over-image:hover svg { background: rgba(13, 15, 20, .75); }
}
.action:active { filter: brightness(.94); }
@media (max-width: 380px) {
  .text { padding: 24px 20px 20px; }
  .actions { padding: 4px 20px 20px; }
  .action { flex-basis: 100%; }
}
@media (max-height: 420px) {
  .image { aspect-ratio: auto; height: 96px; }
}
@media (prefers-color-scheme: dark) {
  .layer {
    --surface: #1e2026;
    --ink: #f3f4f6;
    --soft-ink: #b3b8c2;
    --line: rgba(255, 255, 255, .09);
    --quiet: #2e3139;
    --quiet-hover: #393d46;
    --accent: var(--nunchi-accent, #f3f4f6);
    --on-accent: var(--nunchi-on-accent, #16181d);
    --focus: #7aa7ff;
    color-scheme: dark;
    background: rgba(0, 0, 0, .62);
  }
}
@media (forced-colors: active) {
  .card, .action { border: 1px solid CanvasText; }
}
@media (prefers-reduced-motion: reduce) {
  .layer, .card { animation: none; }
  .action, .close svg { transition: none; }
}
@keyframes shade { from { background: transparent; } }
@keyframes rise { from { opacity: 0; transform: translateY(12px) scale(.98); } }
`;var we=["http:","https:","mailto:","tel:"],xe=["http:","https:"];function re(r){return oe(r,we)}function ie(r){return oe(r,xe)}function oe(r,e){if(typeof r!="string"||r.trim()==="")return null;try{let t=new URL(r,document.baseURI);return e.includes(t.protocol)?t.href:null}catch{return null}}var ke=350;function se(r,e,t){let i=G(),n=document.createElement("nunchi-message"),s=n.attachShadow({mode:"closed"});Me(s,t);let o=r.locale||void 0,a=document.createElement("dialog"),c=typeof a.showModal=="function";a.className="layer",a.setAttribute("role","dialog"),a.setAttribute("aria-modal","true"),a.setAttribute("aria-labelledby","title"),r.body&&a.setAttribute("aria-describedby","body"),a.dir=te(o),o&&(a.lang=o);let l=!0,h=()=>{l&&(l=!1,document.removeEventListener("focusin",x,!0),document.removeEventListener("keydown",E,!0),n.remove(),i instanceof HTMLElement&&i.isConnected&&i.focus({preventScroll:!0}))},v=u=>{l&&(h(),e.onClick(u))},m=u=>{l&&(h(),e.onDismiss(u))},{card:K,content:b,stops:p}=Se(r,o,v,m);a.append(K),s.append(a);function x(u){u.target!==n&&b.focus({preventScroll:!0})}function E(u){u.target!==n&&u.target!==document.body&&u.target!==document.documentElement||(u.key==="Tab"?Z(u,s,p):u.key==="Escape"&&!u.isComposing&&(u.preventDefault(),u.stopPropagation(),m()))}let g=Date.now(),J=!1;a.addEventListener("pointerdown",u=>J=u.target===a),a.addEventListener("click",u=>{u.target===a&&J&&Date.now()-g>ke&&m()}),a.addEventListener("cancel",u=>{u.preventDefault(),m()}),a.addEventListener("close",()=>m());let Q=u=>{let pe=u.ctrlKey||"touches"in u&&u.touches.length>1,me=b.contains(u.target)&&b.scrollHeight>b.clientHeight;!pe&&!me&&u.cancelable&&u.preventDefault()};return a.addEventListener("wheel",Q,{passive:!1}),a.addEventListener("touchmove",Q,{passive:!1}),document.addEventListener("keydown",E,!0),document.documentElement.append(n),c?a.showModal():(a.setAttribute("open",""),document.addEventListener("focusin",x,!0)),b.focus({preventScroll:!0}),{close:h}}function Se(r,e,t,i){let n=y("div","card"),s=y("div","content");s.tabIndex=-1;let o=y("button","close");o.type="button",o.setAttribute("aria-label",ne(e)),o.append(Ee()),o.addEventListener("click",()=>i());let a=y("h2","title");a.id="title",a.textContent=r.title;let c=()=>{o.classList.remove("over-image"),a.classList.add("beside-close")},l=ie(r.image_url);if(l){let p=y("img","image");p.alt="",p.decoding="async",p.draggable=!1,o.classList.add("over-image"),p.addEventListener("error",()=>{p.remove(),c()}),p.src=l,s.append(p)}else c();let h=y("div","text");if(h.append(a),r.body){let p=y("p","body");p.id="body",p.textContent=r.body,h.append(p)}s.append(h);let v=y("div","actions"),m=Array.isArray(r.buttons)?r.buttons:[],K=Math.max(0,m.findIndex(p=>p.action==="link")),b=m.map((p,x)=>{let E=p.action==="link"?re(p.url):null,g=y(E?"a":"button","action");return g instanceof HTMLAnchorElement?(g.href=E,g.rel="noopener",g.draggable=!1):g.type="button",x===K&&g.classList.add("primary"),g.textContent=p.label,g.addEventListener("click",()=>p.action==="link"?t(x):i(x)),g});return v.append(...b),n.append(s),b.length>0&&n.append(v),n.append(o),{card:n,content:s,stops:[...b,o]}}function y(r,e){let t=document.createElement(r);return t.className=e,t}function Ee(){let r="http://www.w3.org/2000/svg",e=document.createElementNS(r,"svg");e.setAttribute("viewBox","0 0 14 14"),e.setAttribute("aria-hidden","true");let t=document.createElementNS(r,"path");return t.setAttribute("d","M1 1l12 12M13 1L1 13"),e.append(t),e}function Me(r,e){try{let t=new CSSStyleSheet;t.replaceSync(q),r.adoptedStyleSheets=[t]}catch{let t=document.createElement("style");e&&(t.nonce=e),t.textContent=q,r.append(t)}}function d(r,...e){try{console.warn(`[nunchi] ${r}`,...e)}catch{}}var Ie=1e4;function ce(r,e,t){return{decision:r,receivedAt:t,exposureId:f(),anonymousId:e}}var T=class{constructor(e){this.around=e;this.gate=null;this.renderer=null;this.closeDrawn=null}async run(e){let{moment:t,keep:i}=this.around,n=e.receivedAt+e.decision.expires_in_ms;if(i(e),!(await this.passGates(e,n)&&await this.expose(e,n))||e.decision.arm!=="treatment")return i(null);let a=await t.until(()=>t.isGood()||!this.around.isCurrent(e),n);i(null),a&&this.around.isCurrent(e)&&await this.show(e)}withdraw(){this.closeDrawn?.(),this.around.moment.changed()}async passGates(e,t){let{moment:i,isCurrent:n}=this.around,{decision:s}=e,o=()=>!n(e),a=e.receivedAt+Math.max(0,s.delay_ms||0),c=(h,v)=>i.until(()=>h()||o(),t,v),l=this.canDraw(s)&&await c(()=>!i.isPaused)&&await c(()=>Date.now()>=a,a)&&await c(()=>i.isGood())&&!o()&&await this.gateAgrees(e,t)&&await c(()=>i.isGood())&&Date.now()<t&&!o();return l||this.report(e,"released"),l}canDraw(e){let t=!!e.message&&(this.renderer!==null||e.message.template==="modal");return t||d(`a message of the unknown template "${e.message?.template}" is not shown`),t}async gateAgrees(e,t){if(!this.gate)return!0;try{let i=!1,n=Promise.resolve(this.gate(ae(e))).finally(()=>i=!0),s=()=>i||!this.around.isCurrent(e),o=this.around.moment.until(s,t).then(()=>i&&n);return await Promise.race([n,o])!==!1}catch(i){return d("onMessage failed; the message is not shown",i),!1}}async expose(e,t){let i=JSON.stringify({reports:[this.make(e,"exposed")]});for(let n=1;;n++){let s=await this.around.post(i,Math.min(Ie,Math.max(1,t-Date.now())));if(s.kind==="ok"){let v=s.body.results;return(Array.isArray(v)?v[0]:void 0)?.accepted===!0}if(s.kind==="refused")return d(`a message was not acknowledged: ${s.reason}`),!1;let o=Date.now()+Math.max(k(n),s.afterMs),a=!1,c=()=>a=!0;addEventListener("online",c);let l=()=>Date.now()>=o||a&&s.afterMs===0,h=()=>l()&&this.around.moment.isGood()||!this.around.isCurrent(e);if(await this.around.moment.until(h,t,Math.min(o,t)),removeEventListener("online",c),Date.now()>=t||!this.around.isCurrent(e))return this.report(e,"released"),!1}}show(e){return new Promise(t=>{let i=!1,n=(s,o)=>{i||(i=!0,this.closeDrawn=null,s&&this.report(e,s,o),t())};try{this.draw(e,n)}catch(s){d("the message could not be drawn",s),n()}})}draw(e,t){if(this.renderer){let s=c=>{d("the render hook failed",c),t()},o={clicked:c=>t("clicked",c),dismissed:()=>t("dismissed")};this.closeDrawn=()=>t();let a=this.renderer(ae(e),o);Promise.resolve(a).then(()=>this.report(e,"rendered"),s);return}let i={onClick:s=>t("clicked",s),onDismiss:s=>t("dismissed",s)},n=se(e.decision.message,i,this.around.nonce);this.closeDrawn=()=>{n.close(),t("dismissed")},this.report(e,"rendered")}report(e,t,i){this.around.queue(this.make(e,t,i))}make(e,t,i){let n={decision_id:e.decision.decision_id,type:t,exposure_id:e.exposureId,occurred_at:new Date().toISOString()};return i===void 0?n:{...n,button:i}}};function ae({decision:r}){let e=JSON.parse(JSON.stringify(r.message));return{campaignId:r.campaign_id,variant:r.variant,message:e}}var _e=500;function w(){return document.visibilityState==="visible"}var A=class{constructor(e){this.onChange=e;this.paused=!1;this.waiting=new Set}get isPaused(){return this.paused}pause(){this.paused=!0}resume(){this.paused=!1,this.changed()}changed(){for(let e of[...this.waiting])e();this.onChange()}until(e,t,i=t){return new Promise(n=>{let s,o,a=()=>{let l=e();!l&&Date.now()<t||(clearInterval(s),clearTimeout(o),this.waiting.delete(a),document.removeEventListener("visibilitychange",a),document.removeEventListener("focusout",c,!0),n(l))},c=()=>setTimeout(a,0);this.waiting.add(a),document.addEventListener("visibilitychange",a),document.addEventListener("focusout",c,!0),s=setInterval(a,_e),o=setTimeout(a,Math.min(Math.max(0,i-Date.now()),2147483647)),a()})}isGood(){return!this.paused&&w()&&!X()}};var Oe=1e4,Te=864e5,Ae=50,Re=1e3,R=class{constructor(e){this.asking=e;this.hasAsked=!1;this.wanted=!1;this.busy=!1;this.failures=0;this.notBefore=0}confirm(e){if(e.length===0)return;let t=Date.now(),i=new Map(this.triggers().map(n=>[n.id,n]));for(let n of e)i.set(n.id,{...n,confirmedAt:t});this.save([...i.values()].slice(-Ae)),this.want()}want(){this.wanted=!0,this.pump()}pump(){if(!this.wanted||this.busy||this.asking.moment.isPaused||!w())return;let e=this.notBefore-Date.now();if(e>0)return this.askIn(e);this.wanted=!1,this.hasAsked=!0,this.occupy(()=>this.ask())}continueWith(e){this.occupy(()=>this.asking.exposure.run(e))}forget(){this.save([]),clearTimeout(this.timer)}async occupy(e){this.busy=!0;try{await e()}catch(t){d("unexpected",t)}this.busy=!1,this.pump()}async ask(){let{post:e,question:t,isCurrent:i,exposure:n}=this.asking;clearTimeout(this.timer);let s=this.triggers(),o=t(),a={...o,triggers:s.map(({id:m})=>m),open:s.some(({opens:m})=>m)},c=await e(JSON.stringify(a),Oe);if(c.kind==="retry"){let m=Math.max(k(++this.failures),c.afterMs);return this.notBefore=Date.now()+m,this.askIn(m)}if(this.failures=0,c.kind==="refused")return d(`no decision: ${c.reason}`);let{decision:l,next_check_in_ms:h}=c.body;typeof h=="number"&&i(o.anonymousId)&&this.askIn(Math.max(h,Re)),l&&await n.run(ce(l,o.anonymousId,Date.now()))}askIn(e){clearTimeout(this.timer),this.timer=setTimeout(()=>this.want(),Math.min(Math.ceil(e),2147483647))}triggers(){let e=this.asking.store.getObject("triggers"),t=Date.now()-Te;return Array.isArray(e)?e.filter(({confirmedAt:i})=>i>t):[]}save(e){e.length>0?this.asking.store.setObject("triggers",e):this.asking.store.remove("triggers")}};var Le=["pointerdown","pointermove","keydown","wheel","scroll","touchstart","touchmove"],L=class{constructor(e,t){this.report=e;this.onUse=t;this.usedAt=0;this.countedUntil=0;this.engagedMs=0;this.engagedUntil=0;this.visible=!1}listen(){let e={capture:!0,passive:!0};for(let t of Le)document.addEventListener(t,()=>this.use(),e)}show(){this.visible||(this.visible=!0,this.countedUntil=this.usedAt=Date.now(),this.timer=setInterval(()=>this.flush(),2e4))}hide(){this.flush(),this.visible=!1,clearInterval(this.timer)}flush(){this.settle(Date.now());let e=Math.floor(this.engagedMs/100)/10;e<1||(this.engagedMs-=e*1e3,this.report(e,this.engagedUntil))}use(){let e=Date.now();!this.visible||e>=this.usedAt&&e-this.usedAt<1e3||(this.settle(e),this.usedAt=e,this.onUse())}settle(e){if(!this.visible)return;let t=Math.min(e,this.usedAt+3e4);t>this.countedUntil&&(this.engagedMs+=t-this.countedUntil,this.engagedUntil=t),this.countedUntil=e}};var P=class{constructor(e){this.store=e;this.known=null}current(){let e=this.store.getObject("person");return e&&typeof e.anonymousId=="string"&&e.anonymousId?this.known={anonymousId:e.anonymousId,userId:typeof e.userId=="string"?e.userId:null,traits:e.traits&&typeof e.traits=="object"?e.traits:{},...typeof e.signature=="string"?{signature:e.signature}:{}}:this.save(this.known??{anonymousId:f(),userId:null,traits:{}}),this.known}identify(e,t,i){let n=this.current(),s=e!==null&&n.userId!==null&&n.userId!==e,o=i??(s?void 0:n.signature);return this.save({anonymousId:s?f():n.anonymousId,userId:e??n.userId,traits:s?t:{...n.traits,...t},...o?{signature:o}:{}}),s}reset(){this.save({anonymousId:f(),userId:null,traits:{}})}save(e){this.known=e,this.store.setObject("person",e)}};var Pe=1e3,De=2e6,de=typeof TextEncoder=="function"?new TextEncoder:null;function I(r){return de?de.encode(r).length:r.length*3}var M=class{constructor(e,t,i,n=Pe,s=De){this.store=e;this.kind=t;this.presence=i;this.maxItems=n;this.maxBytes=s;this.counter=0;this.stuck=new Set}push(e){let t=I(e);this.makeRoom(t);let i=Date.now().toString(36).padStart(9,"0")+(this.counter++%46656).toString(36).padStart(3,"0");this.store.set(`${this.kind}.${i}.${this.presence.tab}.${t}`,e)}take({maxItems:e,maxBytes:t,skip:i}){let n=[],s=0;for(let o of this.keys()){if(i.has(o)||this.stuck.has(o)||!this.isOurs(o))continue;let a=H(o);if(n.length>0&&(n.length>=e||s+a>t))break;let c=this.store.get(o);c!==null&&(n.push({key:o,json:c,bytes:a}),s+=a+1)}return n}remove(e){for(let{key:t}of e)this.store.remove(t),this.store.get(t)!==null&&this.stuck.add(t)}isOurs(e){let t=Ce(e);return t===this.presence.tab||!this.presence.isAlive(t)}makeRoom(e){let t=this.keys(),i=e;for(let s of t)i+=H(s);let n=0;for(;t.length-n>=this.maxItems||i>this.maxBytes&&n<t.length;){let s=t[n++];i-=H(s),this.store.remove(s)}n>0&&d(`the queue is full: ${n} of the oldest items dropped`)}keys(){return this.store.keys(`${this.kind}.`)}};function Ce(r){return r.split(".")[2]??""}function H(r){return Number(r.split(".")[3])||0}var Ne=2e4,Ue=15e4,D=class{constructor(e,t){this.store=e;this.onBeat=t;this.tab=f().slice(0,8)}enter(){this.beat(),clearInterval(this.timer),this.timer=setInterval(()=>{this.beat(),this.onBeat()},Ne)}leave(){clearInterval(this.timer),this.store.remove(`tab.${this.tab}`)}isAlive(e){if(e===this.tab)return!0;let t=Number(this.store.get(`tab.${e}`));return t>0&&Math.abs(Date.now()-t)<Ue}beat(){this.store.set(`tab.${this.tab}`,String(Date.now()));for(let e of this.store.keys("tab."))this.isAlive(e.slice(4))||this.store.remove(e)}};var F=6e4,C=class{constructor(e,t){this.keepaliveBytes=0;this.base=e.replace(/\/+$/,""),this.authorization=`Basic ${btoa(`${t}:`)}`}async post(e,t,i){let n=I(t),s=this.keepaliveBytes+n<=F;s&&(this.keepaliveBytes+=n);let o=new AbortController,a=setTimeout(()=>o.abort(),i);try{let c=await fetch(this.base+e,{method:"POST",headers:{Authorization:this.authorization,"Content-Type":"application/json"},body:t,keepalive:s,credentials:"omit",mode:"cors",cache:"no-store",signal:o.signal});return await Ke(c)}catch(c){return{kind:"retry",reason:String(c),afterMs:0}}finally{clearTimeout(a),s&&(this.keepaliveBytes-=n)}}};async function Ke(r){let{status:e}=r,t=await r.text(),i=je(t);if(e===200&&i)return{kind:"ok",body:i};let n=`${e} ${typeof i?.message=="string"?i.message:""}`.trim();return e>=400&&e<500&&![408,410,429,460].includes(e)?{kind:"refused",reason:n}:{kind:"retry",reason:n,afterMs:W(r.headers.get("Retry-After"))}}function je(r){try{let e=JSON.parse(r);return e!==null&&typeof e=="object"?e:null}catch{return null}}var $e=100,Ge=F-500,_=class{constructor(e){this.delivery=e;this.inFlight=new Set;this.timerAt=1/0;this.running=null;this.failures=0;this.backoffUntil=0;this.forbiddenUntil=0}wake(e){let t=Math.max(Date.now()+e,this.backoffUntil,this.forbiddenUntil);t>=this.timerAt||(clearTimeout(this.timer),this.timerAt=t,this.timer=setTimeout(()=>{this.timerAt=1/0,Date.now()<Math.max(this.backoffUntil,this.forbiddenUntil)?this.wake(0):this.drain()},t-Date.now()))}flush(){return this.backoffUntil=0,Date.now()<this.forbiddenUntil?(this.wake(0),Promise.resolve()):this.drain()}hurry(){if(Date.now()<this.forbiddenUntil)return;let e=this.take();e.length>0&&this.deliver(e)}drain(){return this.running??(this.running=this.sendAll().finally(()=>{this.running=null})),this.running}async sendAll(){for(let e=this.take();e.length>0;e=this.take())if(!await this.deliver(e))return}take(){return this.delivery.outbox.take({maxItems:$e,maxBytes:Ge,skip:this.inFlight})}async deliver(e){let{outbox:t,noun:i,post:n,onConfirmed:s}=this.delivery;for(let{key:a}of e)this.inFlight.add(a);let o=await n(e);for(let{key:a}of e)this.inFlight.delete(a);return o.kind==="retry"?(this.failures+=1,this.backoffUntil=Date.now()+k(this.failures),this.forbiddenUntil=Date.now()+o.afterMs,this.wake(0),!1):(this.failures=this.backoffUntil=this.forbiddenUntil=0,t.remove(e),o.kind==="ok"?s?.(e,o.body):d(`${e.length} ${i} refused and dropped: ${o.reason}`),!0)}};var qe=5e3,N=class{constructor(e,t){this.store=e;this.gapMs=t}touch(e){let t=this.read();if(t&&Math.abs(e-t.activeAt)<=this.gapMs)return Math.abs(e-t.activeAt)>=qe&&this.write({id:t.id,activeAt:e}),{id:t.id,began:!1};let i=f();return this.write({id:i,activeAt:e}),{id:i,began:!0}}latestId(){return this.read()?.id??null}end(){this.store.remove("session")}read(){let e=this.store.getObject("session");return e&&typeof e.id=="string"&&typeof e.activeAt=="number"?e:null}write(e){this.store.setObject("session",e)}};function Y(r){try{let e=window[r],t="nunchi.probe";return e.setItem(t,"1"),e.removeItem(t),e}catch{return null}}var O=class{constructor(e,t){this.durable=e;this.prefix=t;this.memory=new Map}get(e){let t=this.memory.get(e);if(t!==void 0)return t;try{return this.durable?.getItem(this.prefix+e)??null}catch{return null}}set(e,t){try{if(this.durable){this.durable.setItem(this.prefix+e,t),this.memory.delete(e);return}}catch{}this.memory.set(e,t)}remove(e){this.memory.delete(e);try{this.durable?.removeItem(this.prefix+e)}catch{}}keys(e){let t=new Set;for(let i of this.memory.keys())i.startsWith(e)&&t.add(i);try{if(this.durable){let i=this.prefix+e;for(let n=0;n<this.durable.length;n++){let s=this.durable.key(n);s?.startsWith(i)&&t.add(s.slice(this.prefix.length))}}}catch{}return[...t].sort()}getObject(e){try{let t=JSON.parse(this.get(e)??"null");return t!==null&&typeof t=="object"?t:null}catch{return null}}setObject(e,t){this.set(e,JSON.stringify(t))}};var z=100,ue=3e4,Be=128e3,U=class{constructor(e,t){this.options=e;let i=new C(e.endpoint,e.writeKey),n=`nunchi.${e.writeKey}.`;this.store=new O(t.local,n),this.tabStore=new O(t.tab,n),this.presence=new D(this.store,()=>this.wake()),this.identity=new P(this.store),this.sessions=new N(this.store,(e.sessionMinutes||30)*6e4),this.engagement=new L((o,a)=>this.recordEngaged(o,a),()=>this.beginSession()),this.eventsOutbox=new M(this.store,"e",this.presence),this.reportsOutbox=new M(this.store,"r",this.presence),this.events=new _({outbox:this.eventsOutbox,noun:"events",post:o=>{let a=o.map(({json:c})=>c).join(",");return i.post("/v1/batch",`{"batch":[${a}],"sentAt":"${V()}"}`,ue)},onConfirmed:(o,a)=>this.confirmed(o.map(({json:c})=>JSON.parse(c)),a)}),this.reports=new _({outbox:this.reportsOutbox,noun:"reports",post:o=>{let a=o.map(({json:c})=>c).join(",");return i.post("/v1/reports",`{"reports":[${a}]}`,ue)}});let s=o=>this.identity.current().anonymousId===o;this.moment=new A(()=>this.decisions.pump()),this.exposure=new T({moment:this.moment,post:(o,a)=>i.post("/v1/reports",o,a),queue:o=>this.queueReport(o),isCurrent:o=>s(o.anonymousId),keep:o=>this.keepOffer(o),nonce:t.nonce}),this.decisions=new R({moment:this.moment,exposure:this.exposure,store:this.tabStore,post:(o,a)=>i.post("/v1/decide",o,a),question:()=>this.question(),isCurrent:s})}start(){let e=this.tabStore.getObject("offer"),t=e&&!this.presence.isAlive(e.tab)?e:null;this.presence.enter(),this.listen(),t&&this.decisions.continueWith(t),w()&&this.shown(),Promise.resolve().then(()=>this.firstQuestion())}identify(e,t,i){e!==null&&![null,e].includes(this.identity.current().userId)&&this.engagement.flush(),this.identity.identify(e,t,i)&&this.personChanged(),this.record("identify",{traits:t})}track(e,t){this.record("track",{event:e,properties:t})}page(e,t){this.record("page",{...e?{name:e}:{},properties:{...j(),...t}})}reset(){this.engagement.flush(),this.identity.reset(),this.personChanged(),w()&&this.beginSession()}pause(){this.moment.pause()}resume(){this.moment.resume()}onMessage(e){this.exposure.gate=e}render(e){this.exposure.renderer=e}async flush(){await Promise.all([this.events.flush(),this.reports.flush()])}person(){let{anonymousId:e,userId:t,traits:i}=this.identity.current();return{anonymousId:e,userId:t,traits:JSON.parse(JSON.stringify(i))}}listen(){this.engagement.listen(),document.addEventListener("visibilitychange",()=>w()?this.shown():this.hidden()),addEventListener("pagehide",()=>{this.hidden(),this.presence.leave()}),addEventListener("pageshow",e=>{e.persisted&&(this.presence.enter(),w()&&this.shown())}),addEventListener("online",()=>{this.flush(),this.decisions.want()})}shown(){this.beginSession(),this.engagement.show(),this.wake(),this.decisions.hasAsked?this.decisions.want():this.decisions.pump()}hidden(){this.engagement.hide(),this.events.hurry(),this.reports.hurry()}wake(){this.events.wake(z),this.reports.wake(z)}async firstQuestion(){await this.flush(),this.decisions.hasAsked||this.decisions.want()}personChanged(){this.sessions.end(),this.decisions.forget(),this.exposure.withdraw()}beginSession(){let e=this.sessions.touch(Date.now());return e.began&&this.enqueue("track",{event:"app_opened",properties:{}},e.id,V()),e.id}record(e,t){this.enqueue(e,t,this.beginSession(),V())}recordEngaged(e,t){let i=this.sessions.latestId()??this.beginSession(),n={event:"session_engaged",properties:{seconds:e}};this.enqueue("track",n,i,new Date(t).toISOString())}enqueue(e,t,i,n){let{anonymousId:s,userId:o}=this.identity.current(),a={type:e,messageId:f(),timestamp:n,anonymousId:s,...o===null?{}:{userId:o},...t,context:{...$(i,this.options.locale),...this.proof()}},c=JSON.stringify(a);if(I(c)>Be)return d(`"${a.event??e}" is larger than 128 KB and was dropped`);this.eventsOutbox.push(c),this.events.wake(z)}confirmed(e,t){let i=Array.isArray(t.rejected)?t.rejected:[];i.length>0&&d("the server rejected items",i);let n=new Set(i.map(({index:c})=>c)),{anonymousId:s}=this.identity.current(),o=e.filter((c,l)=>!n.has(l)&&c.anonymousId===s),a=o.filter(({type:c})=>c!=="identify");this.decisions.confirm(a.map(({messageId:c,event:l})=>({id:c,opens:l==="app_opened"}))),a.length===0&&o.length>0&&this.decisions.want()}question(){let{anonymousId:e,userId:t}=this.identity.current(),i=this.sessions.latestId()??this.beginSession(),n=$(i,this.options.locale);return{anonymousId:e,...t===null?{}:{userId:t},...this.proof(),sessionId:i,context:n}}proof(){let{userId:e,signature:t}=this.identity.current();return e!==null&&t?{userIdSignature:t}:{}}queueReport(e){this.reportsOutbox.push(JSON.stringify(e)),this.reports.wake(0)}keepOffer(e){e?this.tabStore.setObject("offer",{...e,tab:this.presence.tab}):this.tabStore.remove("offer")}};function V(){return new Date().toISOString()}var He=1e3;function le(r){let e=null,t=[],i=(n,s)=>{try{e?s(e):t.length<He&&t.push(s)}catch(o){d(`${n} failed`,o)}};return{init(n){try{if(e)return d("init was called before; this call does nothing");let s=Fe(n);if(!s)return;let o=new U(s,{local:Y("localStorage"),tab:Y("sessionStorage"),nonce:r});e=o,o.start();let a=t;t=[];for(let c of a)i("a call before init",c)}catch(s){d("init failed",s)}},identify(n,s,o){i("identify",a=>{if(S(n))return a.identify(null,n);let c=n==null||n===""?null:String(n),l=S(o)&&typeof o.signature=="string"?o.signature:void 0;a.identify(c,S(s)?s:{},l)})},track(n,s){if(typeof n!="string"||n.trim()==="")return d("track needs the event's name");i("track",o=>o.track(n,S(s)?s:{}))},page(n,s){i("page",o=>{S(n)?o.page(void 0,n):o.page(n||void 0,S(s)?s:{})})},reset:()=>i("reset",n=>n.reset()),pause:()=>i("pause",n=>n.pause()),resume:()=>i("resume",n=>n.resume()),onMessage(n){if(n!==null&&typeof n!="function")return d("onMessage needs a function or null");i("onMessage",s=>s.onMessage(n))},render(n){if(n!==null&&typeof n!="function")return d("render needs a function or null");i("render",s=>s.render(n))},async flush(){try{await e?.flush()}catch(n){d("flush failed",n)}},person(){try{return e?e.person():null}catch(n){return d("person failed",n),null}}}}function Fe(r){if(typeof window>"u"||typeof document>"u")return null;if(!r||typeof r.writeKey!="string"||r.writeKey==="")return d("init needs a writeKey"),null;try{let e=new URL(r.endpoint,document.baseURI);if(["http:","https:"].includes(e.protocol))return{...r,endpoint:e.href}}catch{}return d("init needs an endpoint: the address of the Nunchi server"),null}function S(r){return r!==null&&typeof r=="object"&&!Array.isArray(r)}function Ye(){let r=window.nunchi;if(r&&!Array.isArray(r))return;let e=document.currentScript??document.querySelector("script[data-write-key]"),t=e instanceof HTMLScriptElement?e:null,i=le(t?.nonce||void 0),n=(...o)=>{for(let a of o){let c=Array.isArray(a)?i[a[0]]:void 0;typeof c=="function"?c(...a.slice(1)):d("unknown call",a)}};window.nunchi={...i,push:n},r&&n(...r);let s=t&&ze(t);s&&i.init(s)}function ze(r){let{writeKey:e,endpoint:t,locale:i,sessionMinutes:n}=r.dataset;return e?{writeKey:e,endpoint:t||new URL(r.src,document.baseURI).origin,...i?{locale:i}:{},...Number(n)>0?{sessionMinutes:Number(n)}:{}}:null}try{Ye()}catch(r){d("could not start",r)}})();
