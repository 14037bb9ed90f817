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


def face() -> Upload:
    """Somebody, roughly."""
    from PIL import Image, ImageDraw

    picture = Image.new("RGB", (600, 760), "#d7e3e4")
    draw = ImageDraw.Draw(picture)
    draw.ellipse((60, 520, 540, 1000), fill="#0b6370")
    draw.ellipse((170, 130, 430, 480), fill="#c98f6b")
    draw.chord((160, 100, 440, 420), 180, 360, fill="#3a2a22")
    for x in (245, 355):
        draw.ellipse((x - 12, 300, x + 12, 324), fill="#2c2a24")
    draw.arc((250, 330, 350, 420), 20, 160, fill="#7a3b2e", width=6)
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=85)
    return Upload(out.getvalue(), "image/jpeg", "face.jpg")
