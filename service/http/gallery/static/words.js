// What each code means for the person who sees it, and what they can do. `again`: trying the same once more may help.

const say = (text, advice = "", again = false) => ({ text, advice, again });

const NO_IMAGE = say("This is no picture that can be shown here.", "Use JPEG, PNG, GIF, WebP or AVIF.");
const BROKEN = say("The picture is damaged.", "Open it in a picture viewer and save it again, or choose another copy.");
const BUSY = say("The service cannot take this just now.", "Nothing is lost. Try again in a moment.", true);
const LOST = say("The picture did not arrive whole.", "Try again.", true);
const OURS = say("Something went wrong on our side.", "Try again; if it stays, tell whoever runs this service.", true);
const HEAVY = say("The picture takes too much to open.", "Save it smaller, then upload it again.");
const KEY = say("This key is not valid, or no longer.", "Sign in with another.");

export const WORDS = {
  // Of an upload
  missing_content_type: NO_IMAGE,
  contradicting_content_type: NO_IMAGE,
  unsupported_media_type: NO_IMAGE,
  signature_mismatch: say(
    "The file is not the kind of picture that its name says.",
    "Open it in a picture viewer and save it as JPEG or PNG.",
  ),
  invalid_image: BROKEN,
  truncated_image: say("The picture ends in the middle.", "Copy or download it once more, then upload that copy."),
  corrupt_image: BROKEN,
  too_large: say("The picture has more than 5 MB.", "Save it smaller, or with a stronger compression."),
  too_many_pixels: say(
    "The picture has too many pixels.",
    "Make it smaller: 50 megapixels at most, and all frames of an animation together.",
  ),
  too_many_frames: say("The animation has more than 900 frames.", "Shorten it."),
  empty_body: say("The file is empty.", "Choose another."),
  incomplete_body: LOST,
  malformed_body: LOST,
  body_timeout: say("The picture came too slowly.", "Try again where the connection is better.", true),
  unsupported_encoding: LOST,
  malformed_multipart: LOST,
  no_file: LOST,
  several_files: LOST,
  unknown_field: OURS,
  invalid_filename: say("The file's name cannot be kept.", "Give it a shorter, plainer name."),
  invalid_title: say("This title cannot be kept.", "Use up to 200 ordinary characters."),
  invalid_tags: say("These tags cannot be kept.", "Use up to 10 tags of up to 32 ordinary characters."),
  metadata_too_large: say("File name, title and tags are too long together.", "Shorten one of them."),
  quota_exceeded: say("There is no room left for this picture.", "Delete some others, then try again.", true),
  // Of the worker
  decode_timeout: HEAVY,
  decoder_crashed: HEAVY,
  decoder_out_of_memory: HEAVY,
  staged_bytes_differ: say("The picture was damaged on its way.", "Delete this one and upload it again."),
  never_processed: say("The picture could not be processed.", "Delete this one and upload it again."),
  bytes_missing: say("The picture's file is gone.", "Delete this one and upload it again."),
  // Of any request
  malformed_request: OURS,
  invalid_parameter: OURS,
  invalid_cursor: say("The list has changed meanwhile.", "Load it again.", true),
  invalid_image_id: say("There is no such image."),
  invalid_idempotency_key: OURS,
  invalid_body: OURS,
  invalid_size: OURS,
  invalid_content_type: NO_IMAGE,
  unauthenticated: say("You are not signed in.", "Sign in."),
  invalid_user_id: say("This name cannot be used.", "Choose another: letters, digits or ._@+=:|- without spaces."),
  invalid_api_key: KEY,
  invalid_token: say("This token is not valid here.", "Sign in with another."),
  token_expired: say("Your sign-in has expired.", "Sign in again; uploads go on after that."),
  cross_site_request: say("The service takes changes only from pages of its own address.", "Open it at that address."),
  unknown_host: say(
    "The service does not answer under this address.",
    "Open it as localhost, or ask whoever runs it to allow this address.",
  ),
  forbidden: say("You may not do this.", "Ask whoever runs this service."),
  rate_limited: say("That was too much at once.", "It goes on by itself in a moment.", true),
  not_found: say("There is nothing here."),
  method_not_allowed: OURS,
  image_not_found: say("This image is gone."),
  variant_not_found: say("There is no small picture of this image.", "Download it to see it."),
  image_not_ready: say("This image is not ready.", "Wait a moment, then try again.", true),
  image_deleted: say("This image has been deleted meanwhile."),
  idempotency_key_reused: say("This upload was mistaken for another.", "Choose the file again."),
  version_mismatch: say("Somebody has changed this image meanwhile."),
  range_not_satisfiable: OURS,
  expectation_failed: OURS,
  // When nothing can be taken
  s3_unavailable: BUSY,
  sqs_unavailable: BUSY,
  dynamodb_unavailable: BUSY,
  issuer_unavailable: say("Nobody can be signed in just now.", "Try again in a moment.", true),
  spool_unavailable: BUSY,
  credentials_missing: say("The service has no access to its storage.", "Tell whoever runs it.", true),
  service_unavailable: BUSY,
  internal_error: OURS,
  // Of this page
  no_connection: say("No connection to the service.", "Try again when it is back.", true),
  stalled: say("The connection stands still.", "Try again.", true),
  unreadable: say("The file cannot be read any more.", "It may have been moved or changed. Choose it again."),
  not_taken: say("The storage did not take the picture.", "Try again.", true),
  never_arrived: say("The picture did not arrive.", "Try again.", true),
};

const UNKNOWN = say("That did not work.", "Try again.", true);

export function words(code) {
  return WORDS[code] ?? UNKNOWN;
}

export function sentence(code) {
  const { text, advice } = words(code);
  return advice ? `${text} ${advice}` : text;
}
