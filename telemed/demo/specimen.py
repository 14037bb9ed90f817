"""Papers and faces for the demo people, drawn here, so that a page that shows papers has some."""

import io

from telemed.core.uploads import Upload


def paper(title: str, name: str, number: str) -> Upload:
    """A sheet that says SPECIMEN, as a photo of one would come in."""
    from PIL import Image, ImageDraw, ImageFont

    sheet = Image.new("RGB", (1000, 640), "#f4f1e8")
    draw = ImageDraw.Draw(sheet)
    draw.rectangle((24, 24, 976, 616), outline="#8a7f63", width=4)
    for words, y, size in ((title, 90, 40), (name, 240, 54), (number, 340, 40), ("SPECIMEN", 500, 60)):
        draw.text((500, y), words, fill="#2c2a24", font=ImageFont.load_default(size), anchor="mm")
    out = io.BytesIO()
    sheet.save(out, "JPEG", quality=85)
    return Upload(out.getvalue(), "image/jpeg", f"{title.split(maxsplit=1)[0].lower()}.jpg")
