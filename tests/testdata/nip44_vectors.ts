/**
 * A part of the official test vectors of NIP-44 version 2 (`nip44.vectors.json`,
 * SHA-256 269ed0f69e4c192512cc779e78c555090cebc7c785b609e338a62afc3ce25040) and
 * the vectors for the extended length prefix from the text of NIP-44.
 *
 * @module
 */

/** Two private keys, what they share, and a payload between them. */
export const encryptDecrypt = [
  {
    sec1: "0000000000000000000000000000000000000000000000000000000000000001",
    sec2: "0000000000000000000000000000000000000000000000000000000000000002",
    conversationKey: "c41c775356fd92eadc63ff5a0dc1da211b268cbea22316767095b2871ea1412d",
    nonce: "0000000000000000000000000000000000000000000000000000000000000001",
    plaintext: "a",
    payload:
      "AgAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAABee0G5VSK0/9YypIObAtDKfYEAjD35uVkHyB0F4DwrcNaCXlCWZKaArsGrY6M9wnuTMxWfp1RTN9Xga8no+kF5Vsb",
  },
  {
    sec1: "0000000000000000000000000000000000000000000000000000000000000002",
    sec2: "0000000000000000000000000000000000000000000000000000000000000001",
    conversationKey: "c41c775356fd92eadc63ff5a0dc1da211b268cbea22316767095b2871ea1412d",
    nonce: "f00000000000000000000000000000f00000000000000000000000000000000f",
    plaintext: "🍕🫃",
    payload:
      "AvAAAAAAAAAAAAAAAAAAAPAAAAAAAAAAAAAAAAAAAAAPSKSK6is9ngkX2+cSq85Th16oRTISAOfhStnixqZziKMDvB0QQzgFZdjLTPicCJaV8nDITO+QfaQ61+KbWQIOO2Yj",
  },
  {
    sec1: "5c0c523f52a5b6fad39ed2403092df8cebc36318b39383bca6c00808626fab3a",
    sec2: "4b22aa260e4acb7021e32f38a6cdf4b673c6a277755bfce287e370c924dc936d",
    conversationKey: "3e2b52a63be47d34fe0a80e34e73d436d6963bc8f39827f327057a9986c20a45",
    nonce: "b635236c42db20f021bb8d1cdff5ca75dd1a0cc72ea742ad750f33010b24f73b",
    plaintext: "表ポあA鷗ŒéＢ逍Üßªąñ丂㐀𠀀",
    payload:
      "ArY1I2xC2yDwIbuNHN/1ynXdGgzHLqdCrXUPMwELJPc7s7JqlCMJBAIIjfkpHReBPXeoMCyuClwgbT419jUWU1PwaNl4FEQYKCDKVJz+97Mp3K+Q2YGa77B6gpxB/lr1QgoqpDf7wDVrDmOqGoiPjWDqy8KzLueKDcm9BVP8xeTJIxs=",
  },
  {
    sec1: "8f40e50a84a7462e2b8d24c28898ef1f23359fff50d8c509e6fb7ce06e142f9c",
    sec2: "b9b0a1e9cc20100c5faa3bbe2777303d25950616c4c6a3fa2e3e046f936ec2ba",
    conversationKey: "d5a2f879123145a4b291d767428870f5a8d9e5007193321795b40183d4ab8c2b",
    nonce: "b20989adc3ddc41cd2c435952c0d59a91315d8c5218d5040573fc3749543acaf",
    plaintext: "ability🤝的 ȺȾ",
    payload:
      "ArIJia3D3cQc0sQ1lSwNWakTFdjFIY1QQFc/w3SVQ6yvbG2S0x4Yu86QGwPTy7mP3961I1XqB6SFFTzqDZZavhxoWMj7mEVGMQIsh2RLWI5EYQaQDIePSnXPlzf7CIt+voTD",
  },
  {
    sec1: "d5633530f5bcfebceb5584cfbbf718a30df0751b729dd9a789b9f30c0587d74e",
    sec2: "b74e6a341fb134127272b795a08b59250e5fa45a82a2eb4095e4ce9ed5f5e214",
    conversationKey: "75fe686d21a035f0c7cd70da64ba307936e5ca0b20710496a6b6b5f573377bdd",
    nonce: "e4cd5f7ce4eea024bc71b17ad456a986a74ac426c2c62b0a15eb5c5c8f888b68",
    plaintext: "مُنَاقَشَةُ سُبُلِ اِسْتِخْدَامِ اللُّغَةِ فِي النُّظُمِ الْقَائِمَةِ وَفِيم يَخُصَّ التَّطْبِيقَاتُ الْحاسُوبِيَّةُ،",
    payload:
      "AuTNX3zk7qAkvHGxetRWqYanSsQmwsYrChXrXFyPiItoIBsWu1CB+sStla2M4VeANASHxM78i1CfHQQH1YbBy24Tng7emYW44ol6QkFD6D8Zq7QPl+8L1c47lx8RoODEQMvNCbOk5ffUV3/AhONHBXnffrI+0025c+uRGzfqpYki4lBqm9iYU+k3Tvjczq9wU0mkVDEaM34WiQi30MfkJdRbeeYaq6kNvGPunLb3xdjjs5DL720d61Flc5ZfoZm+CBhADy9D9XiVZYLKAlkijALJur9dATYKci6OBOoc2SJS2Clai5hOVzR0yVeyHRgRfH9aLSlWW5dXcUxTo7qqRjNf8W5+J4jF4gNQp5f5d0YA4vPAzjBwSP/5bGzNDslKfcAH",
  },
  {
    sec1: "d5633530f5bcfebceb5584cfbbf718a30df0751b729dd9a789b9f30c0587d74e",
    sec2: "b74e6a341fb134127272b795a08b59250e5fa45a82a2eb4095e4ce9ed5f5e214",
    conversationKey: "75fe686d21a035f0c7cd70da64ba307936e5ca0b20710496a6b6b5f573377bdd",
    nonce: "a3e219242d85465e70adcd640b564b3feff57d2ef8745d5e7a0663b2dccceb54",
    plaintext: "🙈 🙉 🙊 0️⃣ 1️⃣ 2️⃣ 3️⃣ 4️⃣ 5️⃣ 6️⃣ 7️⃣ 8️⃣ 9️⃣ 🔟 Powerلُلُصّبُلُلصّبُررً ॣ ॣh ॣ ॣ冗",
    payload:
      "AqPiGSQthUZecK3NZAtWSz/v9X0u+HRdXnoGY7LczOtUf05aMF89q1FLwJvaFJYICZoMYgRJHFLwPiOHce7fuAc40kX0wXJvipyBJ9HzCOj7CgtnC1/cmPCHR3s5AIORmroBWglm1LiFMohv1FSPEbaBD51VXxJa4JyWpYhreSOEjn1wd0lMKC9b+osV2N2tpbs+rbpQem2tRen3sWflmCqjkG5VOVwRErCuXuPb5+hYwd8BoZbfCrsiAVLd7YT44dRtKNBx6rkabWfddKSLtreHLDysOhQUVOp/XkE7OzSkWl6sky0Hva6qJJ/V726hMlomvcLHjE41iKmW2CpcZfOedg==",
  },
];

/** A plaintext made of one repeated pattern, and the SHA-256 of its payload. */
export const longMessages = [
  {
    conversationKey: "8fc262099ce0d0bb9b89bac05bb9e04f9bc0090acc181fef6840ccee470371ed",
    nonce: "326bcb2c943cd6bb717588c9e5a7e738edf6ed14ec5f5344caa6ef56f0b9cff7",
    pattern: "x",
    repeat: 65535,
    payloadSha256: "90714492225faba06310bff2f249ebdc2a5e609d65a629f1c87f2d4ffc55330a",
  },
  {
    conversationKey: "56adbe3720339363ab9c3b8526ffce9fd77600927488bfc4b59f7a68ffe5eae0",
    nonce: "ad68da81833c2a8ff609c3d2c0335fd44fe5954f85bb580c6a8d467aa9fc5dd0",
    pattern: "!",
    repeat: 65535,
    payloadSha256: "8013e45a109fad3362133132b460a2d5bce235fe71c8b8f4014793fb52a49844",
  },
  {
    conversationKey: "7fc540779979e472bb8d12480b443d1e5eb1098eae546ef2390bee499bbf46be",
    nonce: "34905e82105c20de9a2f6cd385a0d541e6bcc10601d12481ff3a7575dc622033",
    pattern: "🦄",
    repeat: 16383,
    payloadSha256: "b3348422471da1f3c59d79acfe2fe103f3cd24488109e5b18734cdb5953afd15",
  },
  {
    conversationKey: "c41c775356fd92eadc63ff5a0dc1da211b268cbea22316767095b2871ea1412d",
    nonce: "0000000000000000000000000000000000000000000000000000000000000001",
    pattern: "a",
    repeat: 65535,
    payloadSha256: "6d8c2810d1e870fbaa1f0a0937126cca837a15f9260e27060c331d70a3c0bc84",
  },
  {
    conversationKey: "c41c775356fd92eadc63ff5a0dc1da211b268cbea22316767095b2871ea1412d",
    nonce: "0000000000000000000000000000000000000000000000000000000000000001",
    pattern: "a",
    repeat: 65536,
    payloadSha256: "b7b4edb36ba92e267d322d56d9aebc22e7fa96ff52e3c12adc07f07a43cbc616",
  },
  {
    conversationKey: "c41c775356fd92eadc63ff5a0dc1da211b268cbea22316767095b2871ea1412d",
    nonce: "0000000000000000000000000000000000000000000000000000000000000001",
    pattern: "a",
    repeat: 65537,
    payloadSha256: "eeb7c7c5373894ea2c1547cfd3ccb15d5a0b2d619da852e5c79df792dcc9e435",
  },
];

/** Lengths of plaintexts in bytes, and what they are padded to. */
export const paddedLengths = [
  [16, 32],
  [32, 32],
  [33, 64],
  [37, 64],
  [45, 64],
  [49, 64],
  [64, 64],
  [65, 96],
  [100, 128],
  [111, 128],
  [200, 224],
  [250, 256],
  [320, 320],
  [383, 384],
  [384, 384],
  [400, 448],
  [500, 512],
  [512, 512],
  [515, 640],
  [700, 768],
  [800, 896],
  [900, 1024],
  [1020, 1024],
  [65536, 65536],
];

/** Keys that share nothing: one of them is not on the curve. */
export const invalidKeys = [
  {
    sec1: "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    pub2: "1234567890abcdef1234567890abcdef1234567890abcdef1234567890abcdef",
    note: "sec1 higher than curve.n",
  },
  {
    sec1: "0000000000000000000000000000000000000000000000000000000000000000",
    pub2: "1234567890abcdef1234567890abcdef1234567890abcdef1234567890abcdef",
    note: "sec1 is 0",
  },
  {
    sec1: "fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364139",
    pub2: "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    note: "pub2 is invalid, no sqrt, all-ff",
  },
  {
    sec1: "fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141",
    pub2: "1234567890abcdef1234567890abcdef1234567890abcdef1234567890abcdef",
    note: "sec1 == curve.n",
  },
  {
    sec1: "0000000000000000000000000000000000000000000000000000000000000002",
    pub2: "1234567890abcdef1234567890abcdef1234567890abcdef1234567890abcdef",
    note: "pub2 is invalid, no sqrt",
  },
  {
    sec1: "0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f20",
    pub2: "0000000000000000000000000000000000000000000000000000000000000000",
    note: "pub2 is point of order 3 on twist",
  },
  {
    sec1: "0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f20",
    pub2: "eb1f7200aecaa86682376fb1c13cd12b732221e774f553b0a0857f88fa20f86d",
    note: "pub2 is point of order 13 on twist",
  },
  {
    sec1: "0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f20",
    pub2: "709858a4c121e4a84eb59c0ded0261093c71e8ca29efeef21a6161c447bcaf9f",
    note: "pub2 is point of order 3319 on twist",
  },
];

/** Payloads that have to be refused, and the word that the reason has. */
export const invalidPayloads = [
  {
    conversationKey: "ca2527a037347b91bea0c8a30fc8d9600ffd81ec00038671e3a0f0cb0fc9f642",
    payload:
      "#Atqupco0WyaOW2IGDKcshwxI9xO8HgD/P8Ddt46CbxDbrhdG8VmJdU0MIDf06CUvEvdnr1cp1fiMtlM/GrE92xAc1K5odTpCzUB+mjXgbaqtntBUbTToSUoT0ovrlPwzGjyp",
    reason: "version",
  },
  {
    conversationKey: "36f04e558af246352dcf73b692fbd3646a2207bd8abd4b1cd26b234db84d9481",
    payload:
      "AK1AjUvoYW3IS7C/BGRUoqEC7ayTfDUgnEPNeWTF/reBZFaha6EAIRueE9D1B1RuoiuFScC0Q94yjIuxZD3JStQtE8JMNacWFs9rlYP+ZydtHhRucp+lxfdvFlaGV/sQlqZz",
    reason: "version",
  },
  {
    conversationKey: "ca2527a037347b91bea0c8a30fc8d9600ffd81ec00038671e3a0f0cb0fc9f642",
    payload:
      "Atфupco0WyaOW2IGDKcshwxI9xO8HgD/P8Ddt46CbxDbrhdG8VmJZE0UICD06CUvEvdnr1cp1fiMtlM/GrE92xAc1EwsVCQEgWEu2gsHUVf4JAa3TpgkmFc3TWsax0v6n/Wq",
    reason: "base64",
  },
  {
    conversationKey: "cff7bd6a3e29a450fd27f6c125d5edeb0987c475fd1e8d97591e0d4d8a89763c",
    payload:
      "Agn/l3ULCEAS4V7LhGFM6IGA17jsDUaFCKhrbXDANholyySBfeh+EN8wNB9gaLlg4j6wdBYh+3oK+mnxWu3NKRbSvQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
    reason: "MAC",
  },
  {
    conversationKey: "cfcc9cf682dfb00b11357f65bdc45e29156b69db424d20b3596919074f5bf957",
    payload:
      "AmWxSwuUmqp9UsQX63U7OQ6K1thLI69L7G2b+j4DoIr0oRWQ8avl4OLqWZiTJ10vIgKrNqjoaX+fNhE9RqmR5g0f6BtUg1ijFMz71MO1D4lQLQfW7+UHva8PGYgQ1QpHlKgR",
    reason: "MAC",
  },
  {
    conversationKey: "5254827d29177622d40a7b67cad014fe7137700c3c523903ebbe3e1b74d40214",
    payload:
      "Anq2XbuLvCuONcr7V0UxTh8FAyWoZNEdBHXvdbNmDZHB573MI7R7rrTYftpqmvUpahmBC2sngmI14/L0HjOZ7lWGJlzdh6luiOnGPc46cGxf08MRC4CIuxx3i2Lm0KqgJ7vA",
    reason: "padding",
  },
  {
    conversationKey: "fea39aca9aa8340c3a78ae1f0902aa7e726946e4efcd7783379df8096029c496",
    payload:
      "An1Cg+O1TIhdav7ogfSOYvCj9dep4ctxzKtZSniCw5MwRrrPJFyAQYZh5VpjC2QYzny5LIQ9v9lhqmZR4WBYRNJ0ognHVNMwiFV1SHpvUFT8HHZN/m/QarflbvDHAtO6pY16",
    reason: "padding",
  },
  {
    conversationKey: "0c4cffb7a6f7e706ec94b2e879f1fc54ff8de38d8db87e11787694d5392d5b3f",
    payload:
      "Am+f1yZnwnOs0jymZTcRpwhDRHTdnrFcPtsBzpqVdD6b2NZDaNm/TPkZGr75kbB6tCSoq7YRcbPiNfJXNch3Tf+o9+zZTMxwjgX/nm3yDKR2kHQMBhVleCB9uPuljl40AJ8kXRD0gjw+aYRJFUMK9gCETZAjjmrsCM+nGRZ1FfNsHr6Z",
    reason: "padding",
  },
  {
    conversationKey: "5cd2d13b9e355aeb2452afbd3786870dbeecb9d355b12cb0a3b6e9da5744cd35",
    payload: "",
    reason: "too few",
  },
  {
    conversationKey: "d61d3f09c7dfe1c0be91af7109b60a7d9d498920c90cbba1e137320fdd938853",
    payload: "Ag==",
    reason: "too few",
  },
  {
    conversationKey: "873bb0fc665eb950a8e7d5971965539f6ebd645c83c08cd6a85aafbad0f0bc47",
    payload: "AqxgToSh3H7iLYRJjoWAM+vSv/Y1mgNlm6OWWjOYUClrFF8=",
    reason: "too few",
  },
  {
    conversationKey: "9f2fef8f5401ac33f74641b568a7a30bb19409c76ffdc5eae2db6b39d2617fbe",
    payload:
      "Ap/2SEZCVFIhYk6qx7nqJxM6TMI1ZoKmAzrO7vBDVJhhuZXWiM20i/tIsbjT0KxkJs2MZjh1oXNYMO9ggfk7i47WQA==",
    reason: "too few",
  },
];
