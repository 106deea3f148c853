import type { ConsentRequest } from './consent.schema.ts';
import { phraseLanguage } from './consent-phrase.ts';

type Notice = ConsentRequest['notice'];

/**
 * The notice that is read when the operator brings none. Its order is that of ISO/IEC 29184: who, what, why, how long, who gets it, how to
 * withdraw, how to complain. Machine-written; an operator's lawyer must pass it before it may be relied on.
 */
const NOTICES: Readonly<Record<string, Notice>> = {
  en: {
    id: 'assent-notice',
    version: '1-draft',
    text: `You are asked to let a replica of your head be made: a model that looks like you and can be made to move and speak.
What is collected: a short clip of you saying that you agree, and footage of your face and voice. From these, measurements of your face are computed. They are biometric data.
What it is used for: only what you tick below. Nothing is ticked for you.
How long: until the date shown. You can pause or withdraw at any time, in two clicks, without giving a reason. Using it stops at once.
How it is kept: encrypted under a key of your own. When you ask for erasure, that key is destroyed, and nobody can read it again.
What others can see: every video made with the replica carries a visible label, a hidden mark and a signature that leads to the state of your consent, not to your name.
If something is wrong: write to the contact shown. You may also complain to the data protection authority where you live.`,
  },
  hi: {
    id: 'assent-notice',
    version: '1-draft',
    text: `आपसे आपके सिर की एक डिजिटल प्रतिकृति बनाने की अनुमति माँगी जा रही है: एक मॉडल जो आपके जैसा दिखता है और जिसे चलाया और बुलवाया जा सकता है।
क्या लिया जाता है: एक छोटी क्लिप जिसमें आप सहमति कहते हैं, और आपके चेहरे और आवाज़ का वीडियो। इनसे आपके चेहरे की माप निकाली जाती है। यह बायोमेट्रिक डेटा है।
किस काम के लिए: केवल वही जिस पर आप नीचे निशान लगाएँ। पहले से कोई निशान नहीं लगा है।
कब तक: दिखाई गई तारीख तक। आप कभी भी, दो क्लिक में, बिना कारण बताए इसे रोक या वापस ले सकते हैं। उपयोग तुरंत बंद हो जाता है।
कैसे रखा जाता है: आपकी अपनी कुंजी से कूटबद्ध। मिटाने के अनुरोध पर वह कुंजी नष्ट कर दी जाती है और फिर कोई इसे पढ़ नहीं सकता।
दूसरे क्या देख सकते हैं: प्रतिकृति से बने हर वीडियो पर एक दिखने वाला लेबल, एक छिपा चिह्न और एक हस्ताक्षर होता है, जो आपकी सहमति की स्थिति बताता है, आपका नाम नहीं।
कुछ गलत हो तो: दिखाए गए पते पर लिखें। आप अपने यहाँ के डेटा संरक्षण प्राधिकरण से भी शिकायत कर सकते हैं।`,
  },
};

export const builtInNotice = (language: string): Notice => NOTICES[phraseLanguage(language)]!;
