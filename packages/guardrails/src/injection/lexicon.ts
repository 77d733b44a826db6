/**
 * What words mean to an attack, in many languages: each language's word for "ignore" is the same idea, so that a rule, or a weight that was fitted
 * to one language, holds for the others.
 *
 * A word stands for an idea when it begins with one of the idea's stems (`$` at the end: when it is that word). Languages that
 * are written without spaces are searched for the stem at each place.
 */

/** Languages: en es fr de pt it nl sv da pl cs ro hu fi ru uk el tr ar fa he hi th vi id zh ja ko, all in one list for each idea. */
const STEMS = {
  ignore:
    "ignor disregard overlook neglect forget forgot bypass overrid override supersede drop$ discard olvid haz$ desestim oubli néglig neglig passe$ vergiss vergessen missacht ignorier esque esquec desconsider dimentic scord trascur negeer vergeet ignorera glöm glem zignoruj ignoruj zapomnij pomiń pomin zapomeň ignoră uită uita hagyd felejtsd unohda игнор забуд проигнор ігнор забудь αγνο ξέχ ξεχά yoksay gözard unut تجاهل تجاهلي انس انسى نادیده فراموش תתעלם התעלם שכח अनदेखा अनदेखी नज़रअंदाज नजरअंदाज भूल เพิกเฉย ละเว้น ลืม bỏ$ quên abaik lupakan 忽略 忽视 无视 無視 忘记 忘記 忘れ 무시 잊어",
  prior:
    "previous prior earlier preceding above foregoing before$ former anterior previa previas previo arriba précédent preceden précéden ci-dessus antérieur vorherig vorige vorangegang bisherig obig zuvor anteriores acima prévia sopra preced voorgaand vorige eerder bovenstaand tidigare föregående ovan tidligere foregående poprzedni wcześniejsz powyższ předchoz výše anterioare precedent előző korábbi aiemm edelli предыдущ прежн выше попередн προηγούμεν παραπάνω önceki yukarıda السابق السابقة أعلاه قبلی پیشین הקודמ पिछल पूर्व उपरोक्त ก่อนหน้า ข้างต้น trước$ sebelumnya atas$ 之前 以前的 先前 上述 以上 此前 以前 前の 上記 これまで 이전 앞서 위의",
  instruction:
    "instruction instruct directive guideline rule$ rules$ order$ orders$ command$ commands$ prompt$ prompts$ programming$ instruccion instrucción indicacion indicaciones regla consigne directives règle ordre anweisung anleitung vorgabe regeln richtlin befehl instruçõ instrução regra diretriz orden istruzion regol direttiv ordin instructie opdracht$ opdrachten regels instruktion instrukser regler instrukcj poleceni zasad pokyn instrukce pravidl instrucțiuni instructiuni reguli utasítás szabály ohjee ohje инструкц указани правил директив команд інструкц вказівк οδηγί εντολ κανόν talimat kural komut تعليمات التعليمات الأوامر أوامر القواعد دستورالعمل دستور دستورات הוראות ההוראות הכללים निर्देश आदेश नियम คำสั่ง คำแนะนำ กฎ chỉ$ hướng$ lệnh$ instruksi perintah aturan 指示 指令 说明 規則 规则 命令 提示词 提示 ルール 命令 지시 명령 규칙 지침",
  reveal:
    "reveal disclose divulge expose leak share$ sharing$ tell$ give$ show$ print$ output$ repeat$ display confirm$ provide$ recite dump$ revela muestra dime$ dame$ comparte compartir repite dígame révèl montre dis$ donne partage répète affiche divulgue verrat nenn zeig gib$ teile$ teilen$ sag$ sagen$ offenbar wiederhole enthüll revele mostre diga compartilh mostr rivel dimmi mostra condivid ripet onthul vertel geef deel$ delen$ toon herhaal avslöja berätta visa$ dela$ vis$ fortæl ujawnij pokaż podaj powiedz udostępni prozraď ukaž řekni sdíle dezvălui arată spune împărtăș mutasd mondd áruld paljasta kerro раскро покажи скажи сообщи поделит поделись повтори назови розкри покажи αποκάλυψ πες$ δείξε μοιρα açıkla göster söyle paylaş ver$ اكشف أخبرني أظهر أعطني مشاركة تشارك شارك فاش بگو نشان اشتراک גלה ספר$ הצג שתף बताओ बताइए बताएं बता$ दिखाओ साझा प्रकट เปิดเผย บอก แสดง แบ่งปัน tiết$ chia$ bocorkan beritahu tunjukkan bagikan berikan ungkapkan 告诉 透露 分享 显示 泄露 告訴 輸出 输出 重复 教えて 明かし 表示し 共有 알려 공개 보여 공유 말해",
  secret:
    "password passcode passphrase passwort kennwort secret credential confidential api_key apikey private$ pin$ contraseñ clave$ claves$ secret mot$ mdp$ geheim zugangsdaten senha segred confidencial parola$ password segret riservat credenzial wachtwoord lösenord hemlig adgangskode kodeord hemmelig hasł hasl poufn heslo hesla tajn parolă parola jelszó jelszav titk salasana salainen парол секрет тайн конфиденц пароль таємн κωδικ μυστικ şifre parola gizli كلمة$ المرور السر سري سرية رمز$ رمز گذرواژه محرمانه סיסמ סוד सिस्मा पासवर्ड गुप्त गोपनीय รหัสผ่าน ความลับ mật$ kata$ sandi rahasia 密码 口令 秘密 机密 密碼 パスワード 暗証 秘密 機密 비밀번호 암호 비밀 기밀",
  system:
    "system$ systems$ sistema systém système systeem systems$ systemprompt hidden$ initial$ original$ internal$ oculto initiales caché intern versteckt ursprünglich inicial iniziali nascost systemow syste sistem система систем системн σύστημα النظام نظام سیستم המערכת सिस्टम ระบบ hệ$ 系统 系統 システム 内部 시스템",
  pretend:
    "pretend roleplay role-play simulat impersonate act$ acts$ acting$ actúa actua finge fingir simula comporta agis$ jou fais prétend incarne comporte spiel spiele rolle stell verhalte schlüpf finja aja$ atue comporte fai$ fingi agisci comportati doe$ gedraag speel låtsas agera spela lad$ udawaj wciel zachowuj předstírej chovej prefă comportă viselkedj tegyél teeskentele притвор представь веди роль сыграй уяви προσποιή φαντάσου davran rol$ gibi$ تظاهر تصرف العب تخيل وانمود نقش תעמיד שחק अभिनय दिखावा नाटक भूमिका แกล้ง สวมบทบาท giả$ đóng$ berpura berperan bertindak 假装 扮演 假裝 充当 ふり 演じ なりきっ 척해 역할 연기",
  now: "now$ henceforth onwards ahora désormais maintenant ab$ jetzt fortan agora adesso nu$ voortaan teraz odtąd nyní acum mostantól nyt$ теперь отныне сейчас тепер τώρα artık şimdi الآن اکنون حالا עכשיו अब$ ตอนนี้ giờ$ sekarang 现在 现在起 從現在 从现在 これから 今から 지금 이제",
  limit:
    "restrict limitation limit$ limits$ filter filters$ censor ethic moral safeguard safety$ policy policies constraint boundaries unethical immoral amoral restricci límite filtro censura ética étic restriction limites filtre éthique einschränkung beschränkung beschränk filter zensur ethi restriç limite restrizion limiti beperking beperkingen censuur begränsning ograniczeń ogranicze filtr etyk cenzur omezen etick restricți limitări korlátoz rajoit ограничен фильтр цензур этик морал обмежен περιορισμ φίλτρ ηθικ kısıtlama sınır filtre sansür etik قيود القيود حدود رقابة أخلاق محدودیت فیلتر הגבלות מגבלות सीमा प्रतिबंध नैतिक ข้อจำกัด giới$ hạn$ batasan pembatasan filter 限制 约束 审查 过滤 道德 約束 制限 制約 倫理 検閲 제한 제약 윤리 검열",
  free: "unrestrict unfilter uncensor unlimited unbound freed$ free$ without$ sin$ libre libera sans$ libéré ohne$ frei$ sem$ livre senza$ liber zonder$ vrij utan$ fri$ uden$ bez$ woln fără$ nélkül ilman без$ свобод χωρίς ελεύθερ olmadan serbest özgür بدون$ دون$ حر$ آزاد בלי ללא बिना मुक्त ไม่มี อิสระ không$ tự$ tanpa$ bebas 不受 没有 無限 无限 自由 なし 自由 無制限 없이 없는 자유",
  ai: "ai$ a.i$ ia$ ki$ ии$ assistant asistente assistente assistent asystent chatbot bot$ chatgpt gpt gpt-4$ openai claude gemini llm$ llms$ bard$ model$ modelo modell modèle modello ассистент помощник модел чатбот βοηθ asistan yapay مساعد الذكاء ذكاء دستیار هوش עוזר सहायक एआई ผู้ช่วย trợ$ asisten 助手 人工智能 模型 アシスタント 人工知能 モデル 어시스턴트 인공지능 모델",
  user: "user$ users$ user's$ usuari utilisateur benutzer nutzer utente gebruiker användare bruger użytkownik uživatel utilizator felhasznál käyttäj пользовател користувач χρήστη kullanıcı المستخدم کاربر המשתמש उपयोगकर्ता ผู้ใช้ người$ pengguna 用户 使用者 用戶 ユーザー 사용자",
  personal:
    "email e-mail$ mail$ address residence birthdate birth$ birthday phone ssn$ social$ balance$ bank$ account$ credit$ card$ lives$ live$ living$ name$ correo dirección vive$ nacimiento saldo banco tarjeta adresse habite vit$ naissance solde carte wohnt lebt geburtsdatum kontostand kreditkarte adresse endereço mora$ vive$ nascimento saldo cartão indirizzo abita nascita carta woont geboortedatum rekening bor$ adress födelse mieszka adres urodzenia konta bydliště locuiește adresa lakik lakcím живет живёт адрес рождени баланс почт проживає διεύθυνση μένει ζει γέννηση yaşıyor adres doğum bakiye يعيش عنوان بريد رصيد تاريخ$ میلاد زندگی آدرس גר$ כתובת दूरभाष पता$ रहता जन्म बैलेंस ईमेल ที่อยู่ อีเมล วันเกิด sống$ địa$ sinh$ tinggal alamat lahir saldo 住在 地址 邮箱 生日 余额 電話 电话 住所 メール 誕生日 残高 住んで 주소 이메일 생일 잔액 거주",
  harm: "bomb$ bombs$ malware ransomware virus hack hacking illegal unlawful explosive weapon drugs$ meth$ kill$ murder steal phishing keylogger exploit nsfw sexual porn racist violen toxic nude curse$ cursing swear$ profanity bomba ilegal illégal bombe illegal arma veneno droga waffe drogen narkot бомб незакон оружи наркот вирус взлом bomba yasadışı قنبلة غير$ सैन्य बम$ हैक ระเบิด bom$ ilegal 炸弹 非法 毒品 病毒 黑客 爆弾 違法 폭탄 불법 해킹",
  encode:
    "base64 base32 base16 base58 rot13 hex$ morse encode encoded encoding encrypt decode decrypt cipher caesar leetspeak reverse$ reversed backward backwards pig$ anagram acrostic emojis emoji scramble jumble obfuscat misspell codifica encode$ chiffr verschlüssel kodier codific cifra versleutel szyfr zakoduj закодир шифр şifrele kodla شفر encode$ mã$ sandikan 编码 加密 倒序 暗号化 エンコード 인코딩 암호화",
  answer:
    "answer answers$ reply response respond responding responses output$ outputs$ respuesta responde réponse répond antwort antworte resposta respond risposta rispond antwoord svar svara odpowied odpověd răspun válasz vasta ответ отвеч відпов απάντ απαντ yanıt cevap إجابة أجب الرد رد$ پاسخ תשובה ענה उत्तर जवाब คำตอบ ตอบ trả$ jawab 回答 回复 答复 答え 回答 返答 답변 대답 응답",
  insert:
    "add$ include insert append integrate incorporate embed augment enhance modify mention suggest promote advertise slip$ weave añade agrega incluye ajoute inclus mentionne füge$ erwähne adicione inclua menciona aggiungi includi voeg$ vermeld lägg$ nämn tilføj dodaj wspomnij přidej adaugă добав упомян додай πρόσθεσε ekle أضف اذكر जोड़ เพิ่ม thêm$ tambahkan sertakan 添加 加上 插入 提到 追加し 추가",
  send: "send$ sends$ forward$ upload post$ transmit exfiltrat fetch$ transfer envía envia envoie transfère sende schick überweis leite$ envie$ transfira invia inoltra stuur skicka send$ wyślij prześlij pošli trimite küldd lähetä отправ перешли переведи надішли στείλε gönder أرسل ارسل ارسال שלח भेज ส่ง gửi$ kirim 发送 转发 发给 發送 送信 転送 보내 전송",
  suppose:
    "imagine imagina imaginez suppose$ supposons hypothetic fiction fictional fantasy imaginary scenario story$ supón hipotét hypothét stell$ angenommen hypothet hipotét suponha immagina supponi ipotet stel$ verbeeld tänk$ wyobraź załóż představ imaginează képzeld kuvittele вообраз предполож представь гипотет φαντάσ varsayalım hayal تخيل افترض فرض$ דמיין मान$ कल्पना สมมติ tưởng$ bayangkan misalkan 假设 想象 假如 想像 仮定 仮に 상상 가정",
  authority:
    "developer admin$ administrator boss$ ceo$ president$ god$ creator engineer$ owner$ expert$ authorized programmer sudo$ root$ maintenance debug$ audit$ desarrollador jefe presidente dios experto développeur patron président dieu expert entwickler chef$ präsident gott experte desenvolvedor chefe deus especialista sviluppatore capo$ dio$ esperto ontwikkelaar baas utvecklare chef programist szef prezydent bóg vývojář dezvoltator șef fejlesztő főnök kehittäjä разработчик начальник президент бог$ эксперт администратор розробник αφεντικό πρόεδρο θεός προγραμματιστ geliştirici patron başkan tanrı uzman مطور مدير رئيس الرئيس إله خبير توسعه رئیس מפתח מנהל נשיא डेवलपर बॉस राष्ट्रपति भगवान विशेषज्ञ ผู้พัฒนา ประธานาธิบดี เจ้านาย nhà$ sếp$ tổng$ pengembang bos$ presiden tuhan 开发者 开发人员 老板 总统 上帝 专家 管理员 開発者 上司 大統領 神$ 管理者 개발자 상사 대통령 신이 관리자",
  persona:
    "character persona personalit dan$ dude$ stan$ jailbreak jailbroken alter$ ego$ evil$ opposite$ unhinged mode$ personaje personnage charakter personagem personaggio personage karakter postać personnalité персонаж личност χαρακτήρα karakter شخصية شخصیت चरित्र ตัวละคร nhân$ 角色 人格 越狱 キャラ 人格 脱獄 캐릭터 탈옥",
  always:
    "always never must$ refuse$ warn$ warnings disclaimer apologize siempre nunca jamais toujours immer niemals niemals sempre mai$ altijd nooit alltid aldrig zawsze nigdy vždy nikdy întotdeauna niciodată mindig soha aina всегда никогда завжди ніколи πάντα ποτέ asla daima دائما أبدا هرگز همیشه תמיד לעולם हमेशा कभी เสมอ luôn$ selalu jangan 总是 永远 不要 必须 絶対 決して 必ず 항상 절대",
  test: "test$ testing$ check$ verification security$ research prueba seguridad investigación sécurité recherche sicherheit prüfung forschung segurança pesquisa sicurezza ricerca veiligheid onderzoek säkerhet bezpieczeń test bezpečn securit biztonság безопасн провер исследован безпек ασφάλεια güvenlik أمن الأمن أمان امنیت אבטחה सुरक्षा ความปลอดภัย an$ keamanan 安全 测试 測試 セキュリティ 安全 보안 테스트",
  own: "my$ mine$ i$ i'm$ i've$ me$ mi$ mis$ mon$ ma$ mes$ mein meu$ minha$ meus$ mio$ mia$ mijn$ min$ mitt$ mój moje moją mé$ můj moji мой моя моё мою моего моих мій моя μου$ benim خاصتي שלי मेरा मेरी मेरे tôi$ saya$ 我的 自己 自分 私の 나의 저의",
  yours:
    "your$ yours you$ you're$ you've$ yourself tu$ tus$ su$ sus$ ton$ ta$ tes$ tu$ votre vos$ dein dir$ ihr$ ihre$ seu$ sua$ seus$ suas$ tuo$ tua$ tuoi$ tue$ vostr je$ jouw uw$ din$ ditt dina$ twój twoje twoją tvůj tvé tvoje ваш твой твоя твоё твою твоего твоих твій твої σου$ senin שלך तुम तुम्हार आप आपका आपके अपना अपनी คุณ bạn$ kamu$ anda$ 你 您 あなた 너의 너는 당신",
} as const;

export type Idea = keyof typeof STEMS;
export const IDEAS = Object.keys(STEMS) as readonly Idea[];

/** Scripts that write words without spaces between them. */
export const UNSPACED = /[\u0e00-\u0e7f\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]/u;

const prefixes = new Map<string, number>();
const words = new Map<string, number>();
const pieces = new Map<string, number>();
let longestPiece = 1;
for (const [index, idea] of IDEAS.entries()) {
  for (const stem of STEMS[idea].split(" ")) {
    if (UNSPACED.test(stem)) {
      const piece = stem.replace("$", "");
      pieces.set(piece, index);
      longestPiece = Math.max(longestPiece, piece.length);
    } else if (stem.endsWith("$")) words.set(stem.slice(0, -1), index);
    else prefixes.set(stem, index);
  }
}
const STEM_MAX = 16;

/** The index in `IDEAS` of a lower-case word's idea, or -1. */
export function ideaOf(word: string): number {
  const whole = words.get(word);
  if (whole !== undefined) return whole;
  for (let size = Math.min(word.length, STEM_MAX); size >= 3; size -= 1) {
    const idea = prefixes.get(word.slice(0, size));
    if (idea !== undefined) return idea;
  }
  return -1;
}

/** The idea of the longest stem that stands at a place of a text without spaces, and its length; -1 and 1 when there is none. */
export function ideaAt(text: string, at: number): { idea: number; size: number } {
  for (let size = Math.min(longestPiece, text.length - at); size >= 1; size -= 1) {
    const idea = pieces.get(text.slice(at, at + size));
    if (idea !== undefined) return { idea, size };
  }
  return { idea: -1, size: 1 };
}
