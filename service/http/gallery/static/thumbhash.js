// From a ThumbHash to pixels: after the reference decoder (https://github.com/evanw/thumbhash, js/thumbhash.js).
//
// Copyright (c) 2023 Evan Wallace. Permission is hereby granted, free of charge, to any person obtaining a copy of this
// software and associated documentation files (the "Software"), to deal in the Software without restriction, including
// without limitation the rights to use, copy, modify, merge, publish, distribute, sublicense, and/or sell copies of the
// Software, and to permit persons to whom the Software is furnished to do so, subject to the following conditions: The
// above copyright notice and this permission notice shall be included in all copies or substantial portions of the
// Software. THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND.

// Width, height (at most 32 pixels) and RGBA of a ThumbHash in base64; null if it is none.
export function decode(base64) {
  try {
    return pixels(Uint8Array.from(atob(base64), (character) => character.charCodeAt(0)));
  } catch {
    return null;
  }
}

function header(hash) {
  if (hash.length < 5) throw new RangeError("too short");
  const first = hash[0] | (hash[1] << 8) | (hash[2] << 16);
  const second = hash[3] | (hash[4] << 8);
  const alpha = first >> 23 !== 0;
  const landscape = second >> 15 !== 0;
  const most = alpha ? 5 : 7;
  const some = second & 7;
  return {
    alpha,
    ratio: (landscape ? most : some) / (landscape ? some : most),
    lx: Math.max(3, landscape ? most : some),
    ly: Math.max(3, landscape ? some : most),
    l: { dc: (first & 63) / 63, scale: ((first >> 18) & 31) / 31 },
    p: { dc: ((first >> 6) & 63) / 31.5 - 1, scale: ((second >> 3) & 63) / 63 },
    q: { dc: ((first >> 12) & 63) / 31.5 - 1, scale: ((second >> 9) & 63) / 63 },
    a: { dc: alpha ? (hash[5] & 15) / 15 : 1, scale: (hash[5] >> 4) / 15 },
  };
}

function pixels(hash) {
  const { alpha, ratio, lx, ly, l, p, q, a } = header(hash);
  const begin = alpha ? 6 : 5;
  let index = 0;
  // The factors of a channel's cosines, four bits each, in a triangle.
  const factors = (nx, ny, scale) => {
    const found = [];
    for (let cy = 0; cy < ny; cy += 1) {
      for (let cx = cy ? 0 : 1; cx * ny < nx * (ny - cy); cx += 1) {
        found.push((((hash[begin + (index >> 1)] >> ((index++ & 1) << 2)) & 15) / 7.5 - 1) * scale);
      }
    }
    return found;
  };
  const lac = factors(lx, ly, l.scale);
  const pac = factors(3, 3, p.scale * 1.25);
  const qac = factors(3, 3, q.scale * 1.25);
  const aac = alpha ? factors(5, 5, a.scale) : [];

  const width = Math.round(ratio > 1 ? 32 : 32 * ratio);
  const height = Math.round(ratio > 1 ? 32 / ratio : 32);
  const rgba = new Uint8ClampedArray(width * height * 4);
  const cosines = (count, at, length) =>
    Array.from({ length: count }, (_, n) => Math.cos((Math.PI / length) * (at + 0.5) * n));
  const sum = (channel, ac, nx, ny, fx, fy) => {
    let value = channel.dc;
    for (let cy = 0, j = 0; cy < ny; cy += 1) {
      for (let cx = cy ? 0 : 1; cx * ny < nx * (ny - cy); cx += 1, j += 1) value += ac[j] * fx[cx] * fy[cy] * 2;
    }
    return value;
  };
  const every = Array.from({ length: width }, (_, x) => cosines(Math.max(lx, alpha ? 5 : 3), x, width));
  for (let y = 0, i = 0; y < height; y += 1) {
    const fy = cosines(Math.max(ly, alpha ? 5 : 3), y, height);
    for (let x = 0; x < width; x += 1, i += 4) {
      const fx = every[x];
      const light = sum(l, lac, lx, ly, fx, fy);
      const yellowBlue = sum(p, pac, 3, 3, fx, fy);
      const redGreen = sum(q, qac, 3, 3, fx, fy);
      const blue = light - (2 / 3) * yellowBlue;
      const red = (3 * light - blue + redGreen) / 2;
      rgba[i] = 255 * red;
      rgba[i + 1] = 255 * (red - redGreen);
      rgba[i + 2] = 255 * blue;
      rgba[i + 3] = 255 * (alpha ? sum(a, aac, 5, 5, fx, fy) : 1);
    }
  }
  return { width, height, rgba };
}
