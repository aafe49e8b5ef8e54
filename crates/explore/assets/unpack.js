// Unpacking: from the text that a trial's arrays are written as to arrays of whole numbers, and to fractions.

/** The bytes of a text in base 64. */
function bytesOf(text) {
  return Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
}

/** Raw DEFLATE, undone by the browser. */
async function inflate(bytes) {
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate-raw"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

/** The arrays of a trial by name. Each lies there as planes: the lowest byte of all its numbers, then the next. */
async function unpack(packed) {
  const planes = await inflate(bytesOf(packed.data));
  const arrays = {};
  let at = 0;
  for (const [name, length, bytes] of packed.parts) {
    const numbers = new Uint32Array(length);
    for (let place = 0; place < bytes; place += 1) {
      for (let index = 0; index < length; index += 1) {
        numbers[index] += planes[at + index] * 2 ** (8 * place);
      }
      at += length;
    }
    arrays[name] = numbers;
  }
  return arrays;
}

/** A fraction that was written as a whole number: 0 for none, then even numbers above 0 and odd ones below. */
function fraction(number) {
  if (number === 0) return null;
  const double = number - 1;
  const sign = double % 2 === 0 ? 1 : -1;
  return (sign * Math.ceil(double / 2)) / 10 ** DATA.decimals;
}
