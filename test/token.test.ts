import { createHash } from 'node:crypto'
import fc from 'fast-check'
import t, { type Test } from 'tap'
import { generateToken, hashToken, isHash, isToken, matchesHash } from '../lib/token.ts'
import { alphabet, withChecksum } from './helpers/tokens.ts'

const anyText = fc.string({ unit: 'binary' })
const anyCharacter = fc.oneof(fc.constantFrom(...alphabet), fc.string({ unit: 'binary', minLength: 1, maxLength: 1 }))
const anyHash = fc.stringMatching(/^[0-9a-f]{64}$/)
const anyPlace = fc.nat({ max: 53 })
const anyToken = fc.array(fc.constantFrom(...alphabet), { minLength: 43, maxLength: 43 })
  .map((secret) => withChecksum(`scim_${secret.join('')}`))

t.test('generateToken() -> scim_, 43 characters of base62 and 6 of checksum', async (t) => {
  t.strictSame(generated(10_000).filter((token) => !/^scim_[0-9A-Za-z]{49}$/.test(token)), [])
})

t.test('generateToken() -> the last six characters are the CRC-32 of the others, in base62', async (t) => {
  const tokens = generated(10_000)
  t.strictSame(tokens, tokens.map((token) => withChecksum(token.slice(0, -6))))
  t.equal(withChecksum('123456789'), '1234567893jZRME', 'the check value of CRC-32, CBF43926')
})

t.test('isToken() of generated tokens -> true', async (t) => {
  t.strictSame(generated(10_000).filter((token) => !isToken(token)), [])
})

t.test('isToken() of any text with the right format and checksum -> true', async (t) => {
  holds(t, fc.property(anyToken, isToken))
})

t.test('isToken() of a token with one character changed -> false', async (t) => {
  const changed = generated(20).flatMap((token) => [...token].flatMap((was, i) =>
    [...alphabet, '_', '-', ' ', 'é'].filter((is) => is !== was).map((is) => token.slice(0, i) + is + token.slice(i + 1))))
  t.strictSame(changed.filter(isToken), [], 'every character of the alphabet in every place')

  holds(t, fc.property(anyToken, anyPlace, anyCharacter, (token, i, is) => {
    fc.pre(is !== token[i])
    return !isToken(token.slice(0, i) + is + token.slice(i + 1))
  }))
})

t.test('isToken() of a token with two different neighbours swapped -> false', async (t) => {
  const inSecret = fc.integer({ min: 5, max: 46 })
  holds(t, fc.property(anyToken, inSecret, (token, i) => {
    const [left, right] = [token.charAt(i), token.charAt(i + 1)]
    fc.pre(left !== right)
    return !isToken(token.slice(0, i) + right + left + token.slice(i + 2))
  }))
})

t.test('isToken() of a token truncated at either end -> false', async (t) => {
  holds(t, fc.property(anyToken, anyPlace, (token, length) => !isToken(token.slice(0, length)) && !isToken(token.slice(length + 1))))
})

t.test('isToken() of a token with text before, after or inside it -> false', async (t) => {
  holds(t, fc.property(anyToken, fc.nat({ max: 54 }), anyText, (token, i, text) => {
    fc.pre(text !== '')
    return !isToken(token.slice(0, i) + text + token.slice(i))
  }))
  const token = generateToken()
  t.strictSame([`${token}\n`, `\n${token}`, `${token}\0`, ` ${token}`, `${token}${token}`].filter(isToken), [])
})

t.test('isToken() of a shorter or longer token with a matching checksum -> false', async (t) => {
  holds(t, fc.property(fc.array(fc.constantFrom(...alphabet), { maxLength: 100, size: 'max' }), (secret) =>
    isToken(withChecksum(`scim_${secret.join('')}`)) === (secret.length === 43)))
})

t.test('isToken() of any other text -> false', async (t) => {
  const anyChecksum = fc.stringMatching(/^[0-9A-Za-z]{6}$/)
  holds(t, fc.property(anyText, (text) => !isToken(text) && !isToken(withChecksum(text)) && !isToken(`scim_${text}`)))
  holds(t, fc.property(anyToken, anyChecksum, (token, sum) => {
    const text = token.slice(0, -6) + sum
    return isToken(text) === (text === token)
  }))
})

t.test('100,000 generated tokens -> all different, with uniform characters overall and in each place', async (t) => {
  const tokens = generated(100_000)
  t.equal(new Set(tokens).size, tokens.length)

  const inPlace = Array.from({ length: 43 }, (_, place) => countsOf(tokens, place + 5))
  const overall = inPlace.reduce((sums, counts) => sums.map((sum, i) => sum + (counts[i] ?? NaN)))

  // Each limit is exceeded by chance once in ten million runs: 61 and 43 * 61 degrees of freedom.
  t.ok(chiSquared(overall) < 136.7, `overall: ${chiSquared(overall)}`)
  const sum = inPlace.reduce((sum, counts) => sum + chiSquared(counts), 0)
  t.ok(sum < 3017.1, `in each place: ${sum}`)
})

t.test('hashToken() -> the SHA-256 in lower-case hexadecimal', async (t) => {
  t.equal(hashToken('abc'), 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad')
  holds(t, fc.property(anyText, (text) => hashToken(text) === createHash('sha256').update(text).digest('hex')))
})

t.test('isHash() -> true only for 64 lower-case hexadecimal digits', async (t) => {
  holds(t, fc.property(anyText, (text) => isHash(hashToken(text))))
  holds(t, fc.property(fc.anything(), (value) => !isHash(value)))
  holds(t, fc.property(anyHash, fc.nat({ max: 63 }), anyCharacter, (hash, i, is) => {
    const text = hash.slice(0, i) + is + hash.slice(i + 1)
    return isHash(text) === (text.length === 64 && [...text].every((digit) => '0123456789abcdef'.includes(digit)))
  }))
  const hash = hashToken('a')
  t.strictSame(['', hash.slice(1), `${hash}0`, `${hash}\n`, ` ${hash}`, hash.toUpperCase(), [hash], Object(hash)].filter(isHash), [])
})

t.test('matchesHash() -> true only for the hash of the token', async (t) => {
  holds(t, fc.property(anyToken, (token) => matchesHash(token, hashToken(token))))
  holds(t, fc.property(anyToken, anyToken, (token, other) => matchesHash(token, hashToken(other)) === (token === other)))
  holds(t, fc.property(anyToken, anyHash, (token, hash) => matchesHash(token, hash) === (hash === hashToken(token))))
  holds(t, fc.property(anyToken, fc.nat({ max: 63 }), fc.constantFrom(...'0123456789abcdefABCDEF '), (token, i, digit) => {
    const right = hashToken(token)
    const hash = right.slice(0, i) + digit + right.slice(i + 1)
    return matchesHash(token, hash) === (hash === right)
  }))
})

t.test('matchesHash() with an empty, truncated or extended hash -> false', async (t) => {
  holds(t, fc.property(anyToken, fc.string({ unit: 'binary', minLength: 1 }), (token, more) => !matchesHash(token, hashToken(token) + more)))
  holds(t, fc.property(anyToken, fc.nat({ max: 63 }), (token, length) => !matchesHash(token, hashToken(token).slice(0, length))))
})

t.test('matchesHash() with another character in place of the last one, after a comparison with the hash -> false', async (t) => {
  holds(t, fc.property(anyToken, fc.string({ unit: 'binary', minLength: 1, maxLength: 1 }), (token, last) => {
    const right = hashToken(token)
    const hash = right.slice(0, -1) + last
    return matchesHash(token, right) && matchesHash(token, hash) === (hash === right)
  }))
})

function generated (count: number): string[] {
  return Array.from({ length: count }, generateToken)
}

/** Returns how often each character of the alphabet occurs in this place. */
function countsOf (tokens: string[], place: number): number[] {
  const byCode = new Uint32Array(128)
  for (const token of tokens) byCode[token.charCodeAt(place)]!++
  return [...alphabet].map((character) => byCode[character.charCodeAt(0)] ?? NaN)
}

function chiSquared (counts: number[]): number {
  const expected = counts.reduce((sum, count) => sum + count, 0) / counts.length
  return counts.reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0)
}

/** Checks a property on a thousand examples and reports the first counterexample. */
function holds<Values> (t: Test, property: fc.IProperty<Values>): void {
  t.equal(fc.defaultReportMessage(fc.check(property, { numRuns: 1000 })), undefined)
}
